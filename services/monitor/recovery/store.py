"""All SQL of the recovery: unsettled work of routers that are gone, and what was decided about it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from services.monitor.recovery.orphans import LostAttempt, Orphan, OrphanAttempt
from shared.db.pool import Pool

_RECOVERY_LOCK = 0x0A11  # any number; all monitors must use the same one

# An inference that is settled may have one, too: when its router died before the claim, or it was on the topic twice.
_OPEN_WORK = """
SELECT router_id FROM monitor.inferences WHERE settlement IS NULL AND router_id IS NOT NULL
UNION SELECT jsonb_object_keys(held_by) FROM monitor.inferences WHERE settlement IS NULL AND held_by IS NOT NULL
UNION SELECT router_id FROM monitor.attempts WHERE outcome IS NULL AND router_id IS NOT NULL
"""

_LOST_ATTEMPTS = """
SELECT attempt_id, inference_id, tenant_id, router_id, attempt_number, model, provider_name, server_address, started_at
FROM monitor.attempts WHERE outcome IS NULL AND router_id = ANY($1) ORDER BY attempt_id
"""

# What a living router calls for, or holds, is no orphan, whoever claimed last: that may be one whose claim has failed,
# or whose clock is ahead.
_ORPHANS = """
SELECT i.*, a.attempts AS made FROM monitor.inferences i
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.attempt_number, t.started_at), '[]'::jsonb) AS attempts,
           coalesce(bool_or(t.outcome IS NULL AND NOT t.router_id = ANY($1)), false) AS called
    FROM monitor.attempts t WHERE t.inference_id = i.inference_id) a
WHERE i.settlement IS NULL AND i.router_id = ANY($1) AND NOT a.called
  AND NOT EXISTS (
    SELECT FROM jsonb_each(i.held_by) AS hold (router_id, said)
    WHERE NOT hold.router_id = ANY($1) AND NOT (said ->> 'handed_back')::bool
      AND (said ->> 'delivery')::int = i.delivery)
ORDER BY i.inference_id
"""

_INTEND = """
INSERT INTO monitor.redeliveries AS old (inference_id, delivery, reason, decided_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (inference_id, delivery) DO UPDATE SET decided_at = old.decided_at
RETURNING published_at
"""


class RecoveryStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def recovery_lock(self) -> AsyncIterator[bool]:
        """True for one monitor at a time; held until the block ends or the connection does."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield bool(await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _RECOVERY_LOCK))

    async def routers_with_open_work(self) -> list[str]:
        return [row[0] for row in await self._pool.fetch(_OPEN_WORK)]

    async def lost_attempts(self, dead_routers: Sequence[str]) -> list[LostAttempt]:
        return [LostAttempt(*row) for row in await self._pool.fetch(_LOST_ATTEMPTS, list(dead_routers))]

    async def orphans(self, dead_routers: Sequence[str]) -> list[Orphan]:
        """Unsettled inferences that nobody works on: the router that had them last is dead, or handed them back."""
        rows = await self._pool.fetch(_ORPHANS, list(dead_routers))
        return [_orphan(dict(row)) for row in rows]

    async def intend_redelivery(self, orphan: Orphan, delivery: int, now: datetime) -> bool:
        """Writes that this delivery is to be published. False when it was published already."""
        published = await self._pool.fetchval(_INTEND, orphan.inference_id, delivery, orphan.router_id, now)
        return published is None

    async def redelivered(self, inference_id: UUID, delivery: int, now: datetime) -> None:
        await self._pool.execute(
            "UPDATE monitor.redeliveries SET published_at = $3 WHERE inference_id = $1 AND delivery = $2",
            inference_id,
            delivery,
            now,
        )


def _orphan(row: Mapping[str, Any]) -> Orphan:
    attempts = [
        OrphanAttempt(
            attempt_id=UUID(attempt["attempt_id"]),
            attempt_number=attempt["attempt_number"],
            model=attempt["model"],
            provider_name=attempt["provider_name"],
            server_address=attempt["server_address"],
            started_at=datetime.fromisoformat(attempt["started_at"]),
            outcome=attempt["outcome"],
            error=attempt["error"],
        )
        for attempt in row["made"]
    ]
    return Orphan(
        inference_id=row["inference_id"],
        tenant_id=row["tenant_id"],
        router_id=row["router_id"],
        delivery=row["delivery"],
        accepted_at=row["accepted_at"],
        deadline_at=row["deadline_at"],
        model_requested=row["model_requested"],
        request_partition=row["request_partition"],
        request_offset=row["request_offset"],
        reply_partition=row["reply_partition"],
        store_result=bool(row["store_result"]),
        attempts=attempts,
    )
