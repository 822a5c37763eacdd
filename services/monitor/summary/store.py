"""All SQL that reads the books for people. Every read is bound to a tenant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.rollups.cover import Cover, Fresh, cover
from services.monitor.rollups.latency import BOUNDS, Histogram
from services.monitor.rollups.sums.store import CALLS, REQUESTS, cells
from services.monitor.summary.summary import BookRows
from shared.db.pool import Connection
from shared.db.reads import Reads

Row = dict[str, Any]

# To plan for every partition takes longer than to read the few rows: a connection plans once, for any span.
_SETTINGS = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL jit = off"

_FRESH = """
SELECT ARRAY(SELECT DISTINCT minute FROM monitor.touched_minutes WHERE tenant_id = $1) AS minutes,
       ARRAY(SELECT at FROM monitor.touched_hours WHERE tenant_id = $1) AS hours,
       ARRAY(SELECT at FROM monitor.touched_days WHERE tenant_id = $1) AS days,
       (SELECT gone_before FROM monitor.retention) AS gone_before
"""

# With $9 requests that called that model: also those that another one served in the end.
_REQUESTS = f"""
WITH cell AS MATERIALIZED (
         SELECT * FROM ({cells(REQUESTS)}) AS cell
         WHERE (passed_over = '' AND ($9::text IS NULL OR model = $9)) OR passed_over = $9),
     requests AS (
         SELECT model, server_address, settlement, error_type, sum(requests)::bigint AS n,
                sum(fallbacks)::bigint AS fallbacks
         FROM cell GROUP BY 1, 2, 3, 4),
     bucket AS (
         SELECT number, sum(count::bigint) AS n FROM cell, jsonb_each_text(latency) AS l (number, count) GROUP BY 1)
SELECT coalesce((SELECT jsonb_agg(requests) FROM requests), '[]') AS requests,
       coalesce((SELECT jsonb_object_agg(number, n) FROM bucket), '{{}}') AS latency,
       coalesce((SELECT sum(duration_s) FROM cell WHERE settlement = 'completed'), 0) AS duration_s
"""  # noqa: S608 - only constants are joined

_ATTEMPTS = f"""
WITH cell AS MATERIALIZED (SELECT * FROM ({cells(CALLS)}) AS cell WHERE $9::text IS NULL OR model = $9),
     calls AS (
         SELECT model, outcome, nullif(error_type, '') AS error_type, prompt_from, sum(calls)::bigint AS n,
                sum(usd) AS cost_usd, sum(input_tokens)::bigint AS input_tokens,
                sum(output_tokens)::bigint AS output_tokens, sum(cache_read_tokens)::bigint AS cache_read_tokens,
                sum(cache_write_tokens)::bigint AS cache_write_tokens
         FROM cell GROUP BY 1, 2, 3, 4),
     bucket AS (
         SELECT number, sum(count::bigint) AS n FROM cell, jsonb_each_text(first_chunk) AS h (number, count) GROUP BY 1)
SELECT coalesce((SELECT jsonb_agg(calls) FROM calls), '[]') AS calls,
       coalesce((SELECT jsonb_object_agg(number, n) FROM bucket), '{{}}') AS first_chunk
"""  # noqa: S608

_OPEN = """
SELECT count(*) FROM monitor.attempts
WHERE tenant_id = $1 AND started_at >= $2 AND outcome IS NULL AND ($3::text IS NULL OR model = $3)
"""

# Each of the two is the end of an index.
_FAILED = """
SELECT ended_at AS at, inference_id, attempt_id, model, error FROM monitor.attempts
WHERE tenant_id = $1 AND ended_at >= $2 AND outcome = 'failed'{of_model} ORDER BY ended_at DESC LIMIT $3
"""
_ERRORS = f"""
(SELECT * FROM ({_FAILED.format(of_model="")}) AS failed)
UNION ALL
(SELECT settled_at, inference_id, NULL, coalesce(model_requested, 'auto'), error FROM monitor.inferences
 WHERE tenant_id = $1 AND settled_at >= $2 AND settlement <> 'completed' AND coalesce(attempts, 0) = 0
 ORDER BY settled_at DESC LIMIT $3)
ORDER BY at DESC LIMIT $3
"""  # noqa: S608
_ERRORS_OF_MODEL = _FAILED.format(of_model=" AND model = $4")


class Span(NamedTuple):
    """What a summary is about: a tenant, a window that ends now, and one model or (None) all of them. In UTC."""

    tenant_id: str
    since: datetime
    until: datetime
    model: str | None


class SummaryStore:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def inference(self, tenant_id: str, inference_id: UUID) -> tuple[Row, list[Row]] | None:
        """The inference and its attempts, in their order."""
        async with self._reads.snapshot(tenant_id) as connection:
            row = await connection.fetchrow(
                "SELECT * FROM monitor.inferences WHERE inference_id = $1 AND tenant_id = $2", inference_id, tenant_id
            )
            attempts = await connection.fetch(
                "SELECT * FROM monitor.attempts WHERE inference_id = $1 AND tenant_id = $2 "
                "ORDER BY attempt_number, attempt_id",
                inference_id,
                tenant_id,
            )
        return (dict(row), [dict(attempt) for attempt in attempts]) if row else None

    async def summary(self, span: Span, errors: int) -> BookRows:
        """errors: at most so many. Raises TallygateError when the tenant asks too much at a time, or for too long."""
        async with self._reads.snapshot(span.tenant_id) as connection:
            await connection.execute(_SETTINGS)
            arguments = _arguments(span, await _cover(connection, span))
            [requests] = await connection.fetch(_REQUESTS, *arguments)
            [attempts] = await connection.fetch(_ATTEMPTS, *arguments)
            open_attempts = await connection.fetchval(_OPEN, span.tenant_id, span.since, span.model)
            if span.model is None:
                failed = await connection.fetch(_ERRORS, span.tenant_id, span.since, errors)
            else:
                failed = await connection.fetch(_ERRORS_OF_MODEL, span.tenant_id, span.since, errors, span.model)
        return BookRows(
            requests["requests"],
            _histogram(requests["latency"]),
            requests["duration_s"],
            attempts["calls"],
            _histogram(attempts["first_chunk"]),
            open_attempts,
            [dict(row) for row in failed],
        )


def _histogram(counts: Mapping[str, int]) -> Histogram:
    return {int(bucket): n for bucket, n in counts.items()}


async def _cover(connection: Connection, span: Span) -> Cover:
    [row] = await connection.fetch(_FRESH, span.tenant_id)
    return cover(span.since, span.until, Fresh(row["minutes"], row["hours"], row["days"]), row["gone_before"])


def _arguments(span: Span, parts: Cover) -> tuple[Any, ...]:
    tenants, since, until = [span.tenant_id] * len(parts.spans), [], []
    for first, last in parts.spans:
        since.append(first)
        until.append(last)
    sums = parts.minutes, parts.hours, parts.days
    return (tenants, since, until, BOUNDS, *sums, span.tenant_id, span.model)
