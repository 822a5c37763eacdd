"""The SQL of how models are: calls of the last minutes, and the history of what was said."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.monitor.rollups.sums.store import TIMEOUT_S, by_bucket
from shared.db.pool import Connection
from shared.events import ModelHealthChanged

Row = dict[str, Any]

_CALLS_OF_MINUTES = "monitor.calls_by_minute WHERE at >= $1 AND at <= $2"
_RECENT = f"""
SELECT tenant_id, model, error_type, sum(calls)::bigint AS calls, NULL::int AS bucket, max(at) AS at
FROM {_CALLS_OF_MINUTES} AND error_type <> '' GROUP BY 1, 2, 3
UNION ALL
SELECT tenant_id, model, '', sum(n)::bigint, bucket::int, max(at)
FROM ({by_bucket(_CALLS_OF_MINUTES, "latency", "tenant_id", "model", "at")}) AS entry GROUP BY 1, 2, bucket
"""  # noqa: S608 - only constants are joined

_CHANGED = """
INSERT INTO monitor.model_health (
    tenant_id, model, changed_at, status, reason, event_id, cause, calls, failed, errors, degraded_at, unhealthy_at,
    min_calls)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13
WHERE $4 <> coalesce((SELECT status FROM monitor.model_health WHERE tenant_id = $1 AND model = $2
                      ORDER BY changed_at DESC LIMIT 1), 'healthy')
ON CONFLICT DO NOTHING
"""

_UNWELL = """
SELECT tenant_id, model, status, reason, changed_at FROM monitor.model_health AS last
WHERE status <> 'healthy' AND NOT EXISTS (
    SELECT FROM monitor.model_health
    WHERE tenant_id = last.tenant_id AND model = last.model AND changed_at > last.changed_at)
"""


class ModelHealth:
    """In the transaction of a turn."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def minutes(self, since: datetime, until: datetime) -> list[Row]:
        """Calls that failed, by error type, and those that succeeded, by bucket of their duration."""
        rows = await self._connection.fetch(_RECENT, since, until, timeout=TIMEOUT_S)
        return [dict(row) for row in rows]

    async def keep(self, words: Sequence[ModelHealthChanged]) -> None:
        """A row for each change of status; events that repeat the last status leave none."""
        await self._connection.executemany(_CHANGED, [_kept(word) for word in words])

    async def unwell(self) -> list[ModelHealthChanged]:
        """What the history says of models that were not healthy when something was last said of them."""
        rows = await self._connection.fetch(_UNWELL, timeout=TIMEOUT_S)
        return [ModelHealthChanged(**dict(row)) for row in rows]


def _kept(word: ModelHealthChanged) -> tuple[Any, ...]:
    by = word.thresholds
    judged_by = (None, None, None) if by is None else (by.degraded_at, by.unhealthy_at, by.min_calls)
    counted = (word.event_id, word.cause, word.calls, word.failed, word.errors_by_type)
    return (word.tenant_id, word.model, word.changed_at, word.status, word.reason, *counted, *judged_by)
