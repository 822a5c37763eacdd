"""The SQL of GET /api/monitoring/errors."""

from datetime import datetime
from typing import Any, NamedTuple

from services.monitor.reading.store import SETTINGS, Span, error_arguments, reading
from services.monitor.rollups.error_sums.store import ERRORS
from shared.db.reads import Reads

# What the newest sample says. $11 how many groups are told.
_GROUPS = f"""
WITH found AS MATERIALIZED (
         SELECT error_type, model, server_address, cause, n, first_at, last_at, samples, keys
         FROM ({ERRORS.of_span()}) AS of_span),
     first AS (SELECT * FROM found ORDER BY n DESC, last_at DESC, error_type, model, server_address, cause LIMIT $11)
SELECT first.*, told.error, (SELECT count(*) FROM found) AS groups, (SELECT sum(n)::bigint FROM found) AS total
FROM first LEFT JOIN LATERAL (
    (SELECT call.error FROM monitor.attempts AS call
     WHERE call.inference_id = first.samples[1] AND call.tenant_id = $4 AND call.model = first.model
       AND call.error_type = first.error_type AND call.error IS NOT NULL
     ORDER BY (coalesce(call.cause, '') = first.cause) DESC, call.attempt_number DESC LIMIT 1)
    UNION ALL
    (SELECT inference.error FROM monitor.inferences AS inference
     WHERE inference.inference_id = first.samples[1] AND inference.tenant_id = $4
       AND inference.error_type = first.error_type)
    LIMIT 1) AS told ON true
ORDER BY n DESC, last_at DESC, error_type, model, server_address, cause
"""  # noqa: S608 - only constants are joined


class Errors(NamedTuple):
    """Of the span that was really read. groups: of them all; total: errors of all of them."""

    since: datetime
    until: datetime
    rows: list[dict[str, Any]]
    groups: int
    total: int


class ErrorStore:
    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def read(self, span: Span, error_type: str | None, most: int) -> Errors:
        """Raises TallygateError when the tenant asks too much at a time, or for too long."""
        async with self._reads.snapshot(span.tenant_id) as connection:
            await connection.execute(SETTINGS)
            parts = (await reading(connection, span, late=True, slices=False)).parts
            rows = await connection.fetch(_GROUPS, *error_arguments(span, parts, error_type), most)
        found = [dict(row) for row in rows]
        groups, total = (found[0]["groups"], found[0]["total"]) if found else (0, 0)
        return Errors(parts.since, parts.until, found, groups, total)
