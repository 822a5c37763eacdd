"""All SQL of the recovery: who may recover, unsettled work that nobody finishes, and what was decided about it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.monitor.recovery.claimed import Claimed
from services.monitor.recovery.lease import LeaseLostError
from services.monitor.recovery.orphans import LostAttempt, Orphan, OrphanAttempt
from shared.db.pool import Pool

_TAKE_LEASE = """
INSERT INTO monitor.leases AS held (name, holder, until)
VALUES ($3, $1, clock_timestamp() + $2 * interval '1 second')
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until WHERE held.until < clock_timestamp()
RETURNING true
"""
_RENEW_LEASE = """
UPDATE monitor.leases SET until = clock_timestamp() + $2 * interval '1 second'
WHERE name = $3 AND holder = $1 AND until > clock_timestamp() RETURNING true
"""
_END_LEASE = "DELETE FROM monitor.leases WHERE name = $2 AND holder = $1"

_IS_WORK_OPEN = """
SELECT EXISTS (SELECT FROM monitor.inferences WHERE settlement IS NULL)
    OR EXISTS (SELECT FROM monitor.attempts WHERE outcome IS NULL)
"""

# Also of inferences that are settled: their router died before the claim, or they were on the topic twice.
_OPEN_WORK = """
SELECT router_id FROM monitor.inferences WHERE settlement IS NULL AND router_id IS NOT NULL
UNION SELECT jsonb_object_keys(held_by) FROM monitor.inferences WHERE settlement IS NULL AND held_by IS NOT NULL
UNION SELECT router_id FROM monitor.attempts WHERE outcome IS NULL AND router_id IS NOT NULL
"""

_ATTEMPT = """
SELECT a.attempt_id, a.inference_id, a.tenant_id, a.router_id, a.attempt_number, a.model, a.provider_name,
       a.server_address, a.started_at
FROM monitor.attempts a
"""

_LOST_ATTEMPTS = _ATTEMPT + "WHERE a.outcome IS NULL AND a.router_id = ANY($1) ORDER BY a.attempt_id"

_INFERENCE = """
SELECT i.*, made.attempts AS made FROM monitor.inferences i
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_agg(to_jsonb(t) ORDER BY t.attempt_number, t.started_at), '[]'::jsonb) AS attempts,
           coalesce(bool_or(t.outcome IS NULL AND NOT t.router_id = ANY($1)), false) AS called
    FROM monitor.attempts t WHERE t.inference_id = i.inference_id) made
"""

# Claimed ($2, $3: what the routers have committed, by partition), and nobody works on it: no router has begun with its
# newest delivery, or the one that had it last is dead ($1) or has handed it back. What a living router calls for, or
# holds, is no orphan, whoever claimed last: that may be one whose claim has failed. And whoever claimed it is on record
# by now: it was claimed long ago ($4), or it is known who had claimed it and let go.
_ORPHANS = (
    _INFERENCE  # noqa: S608 - only constants are joined
    + """
JOIN unnest($2::int[], $3::bigint[], $4::bigint[]) AS claimed (partition, before, long_ago)
    ON claimed.partition = i.request_partition AND i.request_offset < claimed.before
WHERE i.settlement IS NULL AND (i.router_id IS NULL OR i.router_id = ANY($1)) AND NOT made.called
  AND NOT EXISTS (
    SELECT FROM jsonb_each(i.held_by) AS hold (router_id, said)
    WHERE NOT hold.router_id = ANY($1) AND NOT (said ->> 'handed_back')::bool
      AND (said ->> 'delivery')::int = i.delivery)
  AND (i.request_offset < claimed.long_ago OR EXISTS (
    SELECT FROM jsonb_each(i.held_by) AS hold (router_id, said)
    WHERE (said ->> 'was_claimed')::bool AND (said ->> 'delivery')::int = i.delivery))
ORDER BY i.deadline_at, i.inference_id
"""
)

# A while ($1 seconds) past its deadline, and known for as long. Of the deadline by the clock of who accepted it, and
# the time that was asked for, counted from when it was booked, the earlier one counts: that clock may be wrong.
_IS_OVERDUE = """
i.booked_at + $1 * interval '1 second' < clock_timestamp()
AND least(i.deadline_at, i.booked_at + (i.deadline_at - i.accepted_at)) + $1 * interval '1 second' < clock_timestamp()
"""
_OVERDUE_ATTEMPTS = (
    f"{_ATTEMPT} JOIN monitor.inferences i USING (inference_id) "
    f"WHERE a.outcome IS NULL AND {_IS_OVERDUE} ORDER BY a.attempt_id LIMIT $2"
)
_OVERDUE = (
    f"{_INFERENCE} WHERE i.settlement IS NULL AND {_IS_OVERDUE.replace('$1', '$2')} "
    "ORDER BY i.deadline_at, i.inference_id LIMIT $3"
)

# Fenced: nothing is written, and no row comes, when the lease is not the caller's any more.
_INTEND = """
WITH mine AS (
    SELECT FROM monitor.leases WHERE name = 'recovery' AND holder = $5 AND until > clock_timestamp() FOR SHARE)
INSERT INTO monitor.redeliveries AS old (inference_id, delivery, reason, decided_at)
SELECT $1, $2, $3, $4 FROM mine
ON CONFLICT (inference_id, delivery) DO UPDATE SET decided_at = old.decided_at
RETURNING published_at
"""

_REDELIVERED = """
SELECT r.inference_id, r.delivery, r.reason, r.decided_at, r.published_at, i.tenant_id, i.settlement
FROM (SELECT * FROM monitor.redeliveries WHERE decided_at >= $1 ORDER BY decided_at DESC LIMIT $2) AS r
LEFT JOIN monitor.inferences i USING (inference_id)
ORDER BY r.decided_at DESC, r.inference_id
"""


class Redelivered(NamedTuple):
    """lost_by: the router that had it, or that none had begun. published_at: None until it is handed out. tenant_id,
    settlement: as the books know them."""

    inference_id: UUID
    delivery: int
    lost_by: str
    decided_at: datetime
    published_at: datetime | None
    tenant_id: str | None
    settlement: str | None


class LeaseRow:
    """A lease of one monitor at a time, by its name."""

    def __init__(self, pool: Pool, name: str) -> None:
        self._pool = pool
        self._name = name

    async def take_lease(self, holder: str, lease_s: float) -> bool:
        """Whether the lease is this holder's now: nobody had it, or it had ended."""
        return bool(await self._pool.fetchval(_TAKE_LEASE, holder, lease_s, self._name))

    async def renew_lease(self, holder: str, lease_s: float) -> bool:
        """Whether it still was this holder's, and is so for lease_s more."""
        return bool(await self._pool.fetchval(_RENEW_LEASE, holder, lease_s, self._name))

    async def end_lease(self, holder: str) -> None:
        await self._pool.execute(_END_LEASE, holder, self._name)


class RecoveryStore(LeaseRow):
    def __init__(self, pool: Pool) -> None:
        super().__init__(pool, "recovery")

    async def is_work_open(self) -> bool:
        """Whether any inference is unsettled, or any attempt has no outcome."""
        return bool(await self._pool.fetchval(_IS_WORK_OPEN))

    async def routers_with_open_work(self) -> list[str]:
        return [row[0] for row in await self._pool.fetch(_OPEN_WORK)]

    async def lost_attempts(self, dead_routers: Sequence[str]) -> list[LostAttempt]:
        return [LostAttempt(*row) for row in await self._pool.fetch(_LOST_ATTEMPTS, list(dead_routers))]

    async def orphans(self, dead_routers: Sequence[str], claimed: Claimed) -> list[Orphan]:
        """Unsettled inferences that were claimed and that nobody works on, the nearest deadline first."""
        long_ago = [claimed.long_ago.get(partition, 0) for partition in claimed.now]
        rows = await self._pool.fetch(
            _ORPHANS, list(dead_routers), list(claimed.now), list(claimed.now.values()), long_ago
        )
        return [_orphan(dict(row)) for row in rows]

    async def overdue_attempts(self, grace_s: float, most: int) -> list[LostAttempt]:
        """Open ones whose inference is past its deadline by grace_s, settled or not."""
        return [LostAttempt(*row) for row in await self._pool.fetch(_OVERDUE_ATTEMPTS, grace_s, most)]

    async def overdue(self, grace_s: float, most: int) -> list[Orphan]:
        """Unsettled inferences that are past their deadline by grace_s, whoever has them."""
        return [_orphan(dict(row)) for row in await self._pool.fetch(_OVERDUE, [], grace_s, most)]

    async def intend_redelivery(self, orphan: Orphan, delivery: int, now: datetime, holder: str) -> bool:
        """Writes that this delivery is to be published. False when it was published already.

        Raises LeaseLostError when `holder` has the lease no more; then nothing is written."""
        reason = orphan.router_id or "no router had begun"
        row = await self._pool.fetchrow(_INTEND, orphan.inference_id, delivery, reason, now, holder)
        if row is None:
            raise LeaseLostError(holder)
        return row["published_at"] is None

    async def redelivered(self, inference_id: UUID, delivery: int, now: datetime) -> None:
        await self._pool.execute(
            "UPDATE monitor.redeliveries SET published_at = $3 WHERE inference_id = $1 AND delivery = $2",
            inference_id,
            delivery,
            now,
        )

    async def redelivered_since(self, since: datetime, most: int) -> list[Redelivered]:
        """What was handed out again, or is to be, the last decided first."""
        return [Redelivered(*row) for row in await self._pool.fetch(_REDELIVERED, since, most)]


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
        operation_name=row["operation_name"],
        key_id=row["key_id"],
        session=row["session"],
        tags=row["tags"],
        model_requested=row["model_requested"],
        request_partition=row["request_partition"],
        request_offset=row["request_offset"],
        reply_partition=row["reply_partition"],
        store_result=bool(row["store_result"]),
        attempts=attempts,
    )
