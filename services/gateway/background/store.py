"""All SQL on background inferences. Their results are written with all results (shared.inferences.store)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.gateway.quotas import over_quota
from shared.db.pool import Pool
from shared.errors import TallygateError
from shared.events import ReplyFailed
from shared.inferences.store import TOLD_RESULTS, StoredResult

# One that is there already stays as it is: the same Idempotency-Key was sent before. A tenant may come to have as many
# more as are accepted at the same moment.
_ADD = """
INSERT INTO gateway.background (inference_id, tenant_id, operation, streamed, sealed_request, accepted_at, deadline_at,
                                kept_s, kept_until)
SELECT $1::uuid, $2::text, $3::text, $4::boolean, $5::text, $6::timestamptz, $7::timestamptz, $8::float8,
       $7::timestamptz + make_interval(secs => $8::float8)
WHERE $9::bigint > (
    SELECT count(*) FROM (
        SELECT FROM gateway.background WHERE tenant_id = $2 AND ended_at IS NULL AND deadline_at > $6 LIMIT $9
    ) AS open)
ON CONFLICT DO NOTHING
"""

_KEPT = f"""
SELECT b.inference_id, b.tenant_id, b.operation, b.streamed, b.sealed_request, b.accepted_at, b.deadline_at,
       b.ended_at, b.kept_until, r.ce_type, r.event
FROM gateway.background b LEFT JOIN {TOLD_RESULTS} AS r USING (inference_id, tenant_id)
WHERE b.tenant_id = $1 AND b.inference_id = $2
"""  # noqa: S608 - only constants are joined

# Of a failure the whole event, which says what it was; answers stay where they are.
_PAGE = f"""
SELECT b.inference_id, b.tenant_id, b.operation, b.streamed, b.accepted_at, b.deadline_at, b.ended_at, b.kept_until,
       r.ce_type, CASE WHEN r.ce_type = $5 THEN r.event END AS failed
FROM gateway.background b LEFT JOIN {TOLD_RESULTS} AS r USING (inference_id, tenant_id)
WHERE b.tenant_id = $1 AND ($2::uuid IS NULL OR b.inference_id < $2)
    AND ($3::boolean IS NULL OR $3 = (b.ended_at IS NULL AND r.ce_type IS NULL))
ORDER BY b.inference_id DESC LIMIT $4
"""  # noqa: S608 - as above

_DELETE = """
WITH gone AS (
    DELETE FROM gateway.background WHERE tenant_id = $1 AND inference_id = $2 RETURNING inference_id
), results AS (
    DELETE FROM gateway.results r USING gone WHERE r.inference_id = gone.inference_id AND r.tenant_id = $1
)
SELECT count(*) FROM gone
"""

_FORGET = """
DELETE FROM gateway.background WHERE inference_id IN (
    SELECT inference_id FROM gateway.background WHERE kept_until < $1
    ORDER BY kept_until LIMIT $2 FOR UPDATE SKIP LOCKED)
"""

_FULL_WAIT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """operation: as in `asking`. streamed: it was asked to be told chunk by chunk. sealed_request: of a response, what
    it was asked with."""

    inference_id: UUID
    tenant_id: str
    operation: str
    streamed: bool
    sealed_request: str | None
    accepted_at: datetime
    deadline_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Accepted):
    """ended_at: when its result was stored, which is deleted at `kept_until`."""

    ended_at: datetime | None
    kept_until: datetime
    result: StoredResult | None

    @property
    def has_ended(self) -> bool:
        """A gateway of an older version stores a result without saying so in the row."""
        return self.ended_at is not None or self.result is not None

    @property
    def is_gone(self) -> bool:
        """It has ended, and its result is not kept any more."""
        return self.ended_at is not None and self.result is None


class BackgroundStore:
    def __init__(self, pool: Pool, most_open: int) -> None:
        """most_open: of one tenant, that have neither ended nor passed their deadline."""
        self._pool = pool
        self.most_open = most_open

    async def add(self, new: Accepted, kept_s: float) -> None:
        """Raises TallygateError when the tenant has too many that are open."""
        status = await self._pool.execute(
            _ADD, new.inference_id, new.tenant_id, new.operation, new.streamed, new.sealed_request, new.accepted_at,
            new.deadline_at, kept_s, self.most_open,
        )  # fmt: skip
        if status == "INSERT 0 0" and await self.kept(new.tenant_id, new.inference_id) is None:
            raise _too_many(self.most_open)

    async def kept(self, tenant_id: str, inference_id: UUID) -> Kept | None:
        row = await self._pool.fetchrow(_KEPT, tenant_id, inference_id)
        if row is None:
            return None
        *own, ce_type, event = row
        result = None if event is None else StoredResult(inference_id, tenant_id, ce_type, event)
        return Kept(**dict(zip(_COLUMNS, own, strict=True)), result=result)

    async def page(self, tenant_id: str, before: UUID | None, is_open: bool | None, limit: int) -> list[asyncpg.Record]:
        """The newest first; those before `before`. is_open: whether they have no end yet; None: all. failed: the event
        of a ReplyFailed, None of others."""
        return await self._pool.fetch(_PAGE, tenant_id, before, is_open, limit, ReplyFailed.ce_type)

    async def delete(self, tenant_id: str, inference_id: UUID) -> bool:
        """With its result."""
        return bool(await self._pool.fetchval(_DELETE, tenant_id, inference_id))

    async def forget(self, now: datetime, limit: int) -> int:
        """How many were deleted of those that are kept no longer, at most `limit`."""
        return int((await self._pool.execute(_FORGET, now, limit)).rpartition(" ")[2])


_COLUMNS = (
    "inference_id", "tenant_id", "operation", "streamed", "sealed_request", "accepted_at", "deadline_at", "ended_at",
    "kept_until",
)  # fmt: skip


def _too_many(most: int) -> TallygateError:
    tips = ("Wait until some have ended, or cancel some: tallygate inferences cancel",)
    setting = "TALLYGATE_MAX_BACKGROUND_PER_TENANT"
    return over_quota("open background inferences", most, most, setting, *tips, retry_after_s=_FULL_WAIT_S)
