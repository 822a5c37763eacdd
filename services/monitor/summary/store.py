"""All SQL that reads the books for people. Every read is bound to a tenant."""

from typing import Any
from uuid import UUID

from services.monitor.booked_apart import NO_SHADOW
from services.monitor.reading.store import SETTINGS, Span, arguments, histogram, reading
from services.monitor.rollups.sums.store import (
    CALLS,
    CALLS_IN_ALL,
    CALLS_OF_KEYS,
    KEY_CALLS,
    KEY_REQUESTS,
    REQUESTS,
    REQUESTS_IN_ALL,
    REQUESTS_OF_KEYS,
    Kind,
    beyond_minutes,
    by_bucket,
    up_to_minutes,
)
from services.monitor.summary.summary import BookRows
from shared.db.reads import Reads

Row = dict[str, Any]

_SUMS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens", "reasoning_tokens", "reported",
         "estimated", "unknown")  # fmt: skip


# together: the kind that histograms of hours and more are read from.
def _requests(kind: Kind, together: Kind) -> str:
    return f"""
{_cells(kind)}
     requests AS (
         SELECT model, server_address, settlement, error_type, sum(requests)::bigint AS n,
                sum(fallbacks)::bigint AS fallbacks
         FROM cell GROUP BY 1, 2, 3, 4)
SELECT coalesce((SELECT jsonb_agg(requests) FROM requests), '[]') AS requests,
       {_histogram("latency", kind, together)},
       coalesce((SELECT sum(duration_s) FROM cell WHERE settlement = 'completed'), 0) AS duration_s
"""  # noqa: S608 - only constants are joined


def _attempts(kind: Kind, together: Kind) -> str:
    return f"""
{_cells(kind)}
     calls AS (
         SELECT model, outcome, nullif(error_type, '') AS error_type, prompt_from, sum(calls)::bigint AS n,
                sum(usd) AS cost_usd, {", ".join(f"sum({name})::bigint AS {name}" for name in _SUMS)}
         FROM cell GROUP BY 1, 2, 3, 4)
SELECT coalesce((SELECT jsonb_agg(calls) FROM calls), '[]') AS calls,
       {_histogram("first_chunk", kind, together)}, {_histogram("per_chunk", kind, together)}
"""  # noqa: S608


def _cells(kind: Kind) -> str:
    short, long = up_to_minutes(kind, _keys(kind)), beyond_minutes(kind, _keys(kind))
    return f"""
WITH short AS MATERIALIZED ({short}), long AS MATERIALIZED ({long}),
     cell AS (SELECT * FROM short UNION ALL SELECT * FROM long),"""  # noqa: S608


def _keys(kind: Kind) -> str | None:
    """Sums by key are read for one key only."""
    return "$12" if kind.is_by_key else None


def _histogram(name: str, kind: Kind, together: Kind) -> str:
    long = "long" if together is kind else f"({beyond_minutes(together, _keys(kind))}) AS together"
    rows = f"(SELECT {name} FROM short UNION ALL SELECT {name} FROM {long}) AS cell"  # noqa: S608
    return f"""
coalesce((SELECT jsonb_object_agg(bucket, n)
          FROM (SELECT bucket, sum(n)::bigint AS n FROM ({by_bucket(rows, name)}) AS entry GROUP BY bucket) AS counted),
         '{{}}') AS {name}
"""  # noqa: S608


# By whether it is of one key, and whether no model and no operation is asked for: then few rows have the histograms.
_STATEMENTS = {
    (False, False): (_requests(REQUESTS, REQUESTS), _attempts(CALLS, CALLS)),
    (False, True): (_requests(REQUESTS, REQUESTS_IN_ALL), _attempts(CALLS, CALLS_IN_ALL)),
    (True, False): (_requests(KEY_REQUESTS, KEY_REQUESTS), _attempts(KEY_CALLS, KEY_CALLS)),
    (True, True): (_requests(KEY_REQUESTS, REQUESTS_OF_KEYS), _attempts(KEY_CALLS, CALLS_OF_KEYS)),
}

_OPEN = f"""
SELECT count(*) FROM monitor.attempts
WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 AND outcome IS NULL
  AND ($4::text IS NULL OR model = $4) AND ($5::text IS NULL OR operation_name = $5)
  AND ($6::text IS NULL OR key_id = $6) AND {NO_SHADOW}
"""  # noqa: S608

# Each is the end of an index. Those of one operation or key are looked for among the newest.
_SEARCHED = 1000
_FAILED = f"""
SELECT ended_at AS at, inference_id, attempt_id, model, error, operation_name, key_id FROM monitor.attempts
WHERE tenant_id = $1 AND ended_at >= $2 AND ended_at < $3 AND outcome = 'failed' AND {NO_SHADOW}{{of_model}}
ORDER BY ended_at DESC LIMIT $4
"""  # noqa: S608
_NEVER_CALLED = f"""
SELECT settled_at, inference_id, NULL, coalesce(model_requested, 'auto'), error, operation_name, key_id
FROM monitor.inferences
WHERE tenant_id = $1 AND settled_at >= $2 AND settled_at < $3 AND settlement <> 'completed'
  AND coalesce(attempts, 0) = 0 AND {NO_SHADOW}
ORDER BY settled_at DESC LIMIT $4
"""  # noqa: S608
_NEWEST = """
SELECT at, inference_id, attempt_id, model, error FROM ({failed}) AS failed
WHERE ($5::text IS NULL OR operation_name = $5) AND ($6::text IS NULL OR key_id = $6)
ORDER BY at DESC LIMIT $7
"""
_ERRORS = _NEWEST.format(failed=f"({_FAILED.format(of_model='')}) UNION ALL ({_NEVER_CALLED})")
_ERRORS_OF_MODEL = _NEWEST.format(failed=_FAILED.format(of_model=" AND model = $8"))


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
        of_requests, of_attempts = _STATEMENTS[span.key is not None, span.model is None and span.operation is None]
        async with self._reads.snapshot(span.tenant_id) as connection:
            await connection.execute(SETTINGS)
            parts = (await reading(connection, span, late=span.key is not None)).parts
            [requests] = await connection.fetch(of_requests, *arguments(span, parts))
            [attempts] = await connection.fetch(of_attempts, *arguments(span, parts))
            of_span = span.tenant_id, parts.since, parts.until
            open_attempts = await connection.fetchval(_OPEN, *of_span, span.model, span.operation, span.key)
            searched = errors if span.operation is None and span.key is None else _SEARCHED
            newest = (*of_span, searched, span.operation, span.key, errors)
            if span.model is None:
                failed = await connection.fetch(_ERRORS, *newest)
            else:
                failed = await connection.fetch(_ERRORS_OF_MODEL, *newest, span.model)
        return BookRows(
            since=parts.since,
            until=parts.until,
            requests=requests["requests"],
            latency=histogram(requests["latency"]),
            duration_s=requests["duration_s"],
            attempts=attempts["calls"],
            first_chunk=histogram(attempts["first_chunk"]),
            per_chunk=histogram(attempts["per_chunk"]),
            open_attempts=open_attempts,
            errors=[dict(row) for row in failed],
        )
