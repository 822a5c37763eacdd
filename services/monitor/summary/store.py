"""All SQL that reads the books for people. Every read is bound to a tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from shared.db.pool import Pool

Row = dict[str, Any]

# Inferences of the window ($2..$3) that are settled; with $4, those that called that model.
_SETTLED = """
WITH settled AS MATERIALIZED (
    SELECT i.* FROM monitor.inferences i
    WHERE i.tenant_id = $1 AND i.settled_at >= $2 AND i.settled_at < $3
      AND ($4::text IS NULL OR i.model_served = $4 OR i.first_model = $4 OR EXISTS (
           SELECT 1 FROM monitor.attempts a WHERE a.inference_id = i.inference_id AND a.model = $4)))
"""

_REQUESTS = (
    _SETTLED
    + """
SELECT coalesce(model_served, first_model, model_requested, 'auto') AS model, server_address, settlement, error_type,
       count(*) AS n, count(*) FILTER (WHERE settlement = 'completed' AND model_served <> first_model) AS fallbacks
FROM settled GROUP BY 1, 2, 3, 4
"""
)

_PERFORMANCE = (
    _SETTLED
    + """
SELECT coalesce(avg(duration_s), 0) AS average_s,
       coalesce(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_s), ARRAY[0, 0, 0])
           AS percentiles
FROM settled WHERE settlement = 'completed'
"""
)

# One row holds only calls whose prompts lie between the same two steps of $5, so that one rate holds for all of them.
_ATTEMPTS = """
SELECT model, outcome, error_type, count(*) AS n, coalesce(sum(cost_usd), 0) AS cost_usd,
       coalesce(sum(input_tokens), 0) AS input_tokens, coalesce(sum(output_tokens), 0) AS output_tokens,
       coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
       coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens
FROM monitor.attempts
WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 AND ($4::text IS NULL OR model = $4)
GROUP BY 1, 2, 3, width_bucket(coalesce(input_tokens, 0), $5::int[])
"""

_ERRORS = """
SELECT ended_at AS at, inference_id, attempt_id, model, error FROM monitor.attempts
WHERE tenant_id = $1 AND started_at >= $2 AND started_at < $3 AND ($4::text IS NULL OR model = $4)
  AND outcome = 'failed'
UNION ALL
SELECT settled_at, inference_id, NULL, coalesce(model_requested, 'auto'), error FROM monitor.inferences
WHERE tenant_id = $1 AND settled_at >= $2 AND settled_at < $3 AND $4::text IS NULL
  AND settlement <> 'completed' AND coalesce(attempts, 0) = 0
ORDER BY at DESC LIMIT $5
"""


class Span(NamedTuple):
    """What a summary is about: a tenant, a window, and one model or (None) all of them."""

    tenant_id: str
    since: datetime
    until: datetime
    model: str | None


class SummaryStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def inference(self, tenant_id: str, inference_id: UUID) -> Row | None:
        rows = await self._rows(
            "SELECT * FROM monitor.inferences WHERE inference_id = $1 AND tenant_id = $2", inference_id, tenant_id
        )
        return rows[0] if rows else None

    async def attempts_of(self, tenant_id: str, inference_id: UUID) -> list[Row]:
        return await self._rows(
            "SELECT * FROM monitor.attempts WHERE inference_id = $1 AND tenant_id = $2 "
            "ORDER BY attempt_number, attempt_id",
            inference_id,
            tenant_id,
        )

    async def requests(self, span: Span) -> list[Row]:
        return await self._rows(_REQUESTS, *span)

    async def performance(self, span: Span) -> Row:
        return (await self._rows(_PERFORMANCE, *span))[0]

    async def attempts(self, span: Span, steps: Sequence[int] = ()) -> list[Row]:
        """steps: the numbers of input tokens at which the price changes that the calls will be held against."""
        return await self._rows(_ATTEMPTS, *span, list(steps))

    async def errors(self, span: Span, limit: int) -> list[Row]:
        return await self._rows(_ERRORS, *span, limit)

    async def _rows(self, statement: str, *arguments: Any) -> list[Row]:
        return [dict(row) for row in await self._pool.fetch(statement, *arguments)]
