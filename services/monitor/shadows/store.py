"""The SQL of GET /api/monitoring/shadows."""

from datetime import datetime
from typing import Any, NamedTuple

from services.monitor.reading.store import SETTINGS, Span
from services.monitor.rollups.latency import BOUNDS
from shared.db.reads import Reads
from shared.events.inference import SHADOW, SHADOW_OF

SHARE = 50_000  # of the newest settled inferences of the range, copies included: what one read looks at

_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

_CALLS = """
SELECT coalesce(sum(least(greatest(cost_usd, 0), 1e9)), 0) AS usd, coalesce(sum(greatest(input_tokens, 0)), 0) AS input,
       coalesce(sum(greatest(output_tokens, 0)), 0) AS output,
       min(first_chunk_s) FILTER (WHERE outcome = 'succeeded') AS first_chunk_s
FROM monitor.attempts AS call WHERE call.inference_id = {of}.inference_id AND outcome IS NOT NULL
"""

_BOTH_STREAMED = "called.first_chunk_s IS NOT NULL AND tried.first_chunk_s IS NOT NULL"


def _side(name: str, calls: str) -> str:
    return f"""
       count(*) FILTER (WHERE {name}.settlement = 'completed') AS {name}_completed,
       coalesce(sum({name}.duration_s) FILTER (WHERE {name}.settlement = 'completed'), 0)::float8 AS {name}_duration_s,
       array_agg(width_bucket({name}.duration_s, $5::float8[])) FILTER (WHERE {name}.settlement = 'completed')
           AS {name}_buckets,
       array_agg(coalesce({name}.error_type, {name}.settlement)) FILTER (WHERE {name}.settlement <> 'completed')
           AS {name}_errors,
       array_agg(width_bucket({calls}.first_chunk_s, $5::float8[])) FILTER (WHERE {_BOTH_STREAMED})
           AS {name}_first_buckets,
       sum({calls}.usd)::float8 AS {name}_usd, sum({calls}.input)::bigint AS {name}_input_tokens,
       sum({calls}.output)::bigint AS {name}_output_tokens"""


# No word on the model: a router had no room, the tenant's budget was used up, or its router was lost.
_NOT_MADE = "('rejected', 'cancelled')"

# A copy and its request stand in the books on their own; one whose request has not ended is in no pair yet.
_PAIRS = f"""
WITH looked AS MATERIALIZED (
         SELECT inference_id, settled_at, settlement, duration_s, model_requested, error_type, key_id, tags
         FROM monitor.inferences WHERE tenant_id = $1 AND settled_at >= $2 AND settled_at < $3
         ORDER BY settled_at DESC LIMIT $4),
     shadow AS (
         SELECT *, CASE WHEN tags ->> '{SHADOW_OF}' ~ '{_UUID}' THEN (tags ->> '{SHADOW_OF}')::uuid END AS copy_of
         FROM looked WHERE key_id = '{SHADOW}' AND settlement NOT IN {_NOT_MADE})
SELECT shadow.model_requested AS shadow_model,
       coalesce(original.model_served, original.first_model, original.model_requested, 'auto') AS model,
       count(*) AS pairs, {_side("original", "called")}, {_side("shadow", "tried")}
FROM shadow
JOIN monitor.inferences AS original
    ON original.inference_id = shadow.copy_of AND original.tenant_id = $1 AND original.settlement IS NOT NULL
CROSS JOIN LATERAL ({_CALLS.format(of="original")}) AS called
CROSS JOIN LATERAL ({_CALLS.format(of="shadow")}) AS tried
GROUP BY 1, 2 ORDER BY pairs DESC, 1, 2
"""  # noqa: S608 - only constants are joined

# looked_to: how far back that was, when it was not all of the range.
_LOOKED_AT = f"""
SELECT count(*) FILTER (WHERE key_id = '{SHADOW}' AND settlement IN {_NOT_MADE}) AS not_made,
       CASE WHEN count(*) = $4 THEN min(settled_at) END AS looked_to
FROM (SELECT settled_at, settlement, key_id FROM monitor.inferences
      WHERE tenant_id = $1 AND settled_at >= $2 AND settled_at < $3 ORDER BY settled_at DESC LIMIT $4) AS looked
"""  # noqa: S608


class Compared(NamedTuple):
    """since: of what was looked at; later than what was asked for when that holds too many inferences. not_made: copies
    for which the model was not called, or not to the end, for no reason of its own."""

    since: datetime
    not_made: int
    rows: list[dict[str, Any]]


class ShadowStore:
    def __init__(self, reads: Reads, share: int = SHARE) -> None:
        self._reads = reads
        self._share = share

    async def read(self, span: Span) -> Compared:
        """Raises TallygateError when the tenant asks too much at a time, or for too long."""
        of_span = span.tenant_id, span.since, span.until
        async with self._reads.snapshot(span.tenant_id) as connection:
            await connection.execute(SETTINGS)
            rows = await connection.fetch(_PAIRS, *of_span, self._share, BOUNDS)
            [looked] = await connection.fetch(_LOOKED_AT, *of_span, self._share)
        return Compared(looked["looked_to"] or span.since, looked["not_made"], [dict(row) for row in rows])
