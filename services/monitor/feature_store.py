"""All SQL on feature jobs in the books. The first word about the end of a job counts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from shared.db.pool import Connection, Pool
from shared.events import FeatureEvent, FeatureSettled, FeatureStarted

_STARTED = """
INSERT INTO monitor.features AS known (feature_id, tenant_id, generator, worker_id, delivery, accepted_at, started_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (feature_id) DO UPDATE SET
    worker_id = CASE WHEN excluded.delivery >= known.delivery THEN excluded.worker_id ELSE known.worker_id END,
    delivery = greatest(known.delivery, excluded.delivery),
    started_at = least(known.started_at, excluded.started_at)
"""

_SETTLED = """
INSERT INTO monitor.features AS known (feature_id, tenant_id, generator, delivery, accepted_at, settlement,
    settlement_event_id, settled_at, duration_s, error_type, error, calls, reported_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
ON CONFLICT (feature_id) DO UPDATE SET
    settlement = coalesce(known.settlement, excluded.settlement),
    settled_at = coalesce(known.settled_at, excluded.settled_at),
    duration_s = coalesce(known.duration_s, excluded.duration_s),
    error_type = CASE WHEN known.settlement IS NULL THEN excluded.error_type ELSE known.error_type END,
    error = CASE WHEN known.settlement IS NULL THEN excluded.error ELSE known.error END,
    calls = CASE WHEN known.settlement IS NULL THEN excluded.calls ELSE known.calls END,
    reported_by = coalesce(known.reported_by, excluded.reported_by),
    settlement_event_id = coalesce(known.settlement_event_id, excluded.settlement_event_id),
    late_words = known.late_words + (known.settlement_event_id IS NOT NULL
        AND known.settlement_event_id <> excluded.settlement_event_id)::int
"""

_SUMMARY = """
SELECT settlement, error_type, count(*) AS n FROM monitor.features
WHERE tenant_id = $1 AND coalesce(settled_at, accepted_at) >= $2 AND coalesce(settled_at, accepted_at) < $3
GROUP BY 1, 2
"""


class FeatureCounts(NamedTuple):
    """All jobs in the books. late: final words that came after the first."""

    started: int
    settled: int
    late: int


class FeatureBooks:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def book(self, events: Sequence[FeatureEvent]) -> None:
        """In one transaction; what comes twice changes nothing."""
        async with self._pool.acquire() as connection, connection.transaction():
            for event in events:
                await _book(connection, event)

    async def summary(self, tenant_id: str, since: datetime, until: datetime) -> dict[str, Any]:
        by_settlement: dict[str, int] = {}
        by_error: dict[str, int] = {}
        for row in await self._pool.fetch(_SUMMARY, tenant_id, since, until):
            settlement = row["settlement"] or "open"
            by_settlement[settlement] = by_settlement.get(settlement, 0) + row["n"]
            if row["error_type"]:
                by_error[row["error_type"]] = by_error.get(row["error_type"], 0) + row["n"]
        named = {name: by_settlement.get(name, 0) for name in ("completed", "failed", "expired", "cancelled", "open")}
        return {"total": sum(named.values()), **named, "by_error_type": by_error}

    async def counts(self) -> FeatureCounts:
        row = await self._pool.fetchrow(
            "SELECT count(*), count(settlement), coalesce(sum(late_words), 0) FROM monitor.features"
        )
        return FeatureCounts(*row) if row is not None else FeatureCounts(0, 0, 0)


async def _book(connection: Connection, event: FeatureEvent) -> None:
    match event:
        case FeatureStarted():
            await connection.execute(
                _STARTED, event.feature_id, event.tenant_id, event.generator, event.worker_id, event.delivery,
                event.accepted_at, event.started_at,
            )  # fmt: skip
        case FeatureSettled():
            error = event.error.model_dump(mode="json") if event.error else None
            await connection.execute(
                _SETTLED, event.feature_id, event.tenant_id, event.generator, event.delivery, event.accepted_at,
                event.settlement, event.event_id, event.settled_at, event.duration_s,
                event.error.error_type if event.error else None, error,
                [call.model_dump(mode="json") for call in event.calls], event.reported_by,
            )  # fmt: skip
