"""All SQL on idempotency keys. Every statement is bound to a tenant."""

from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from uuid import UUID

from services.gateway.inference.idempotency import IdempotencyKey, KnownKey
from services.gateway.quotas import over_quota
from shared.db.pool import Pool
from shared.errors import TallygateError
from shared.memory import Memory

_NEW_KEY = """
INSERT INTO gateway.idempotency_keys (tenant_id, route, key, body_sha256, inference_id, created_at, taken_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT DO NOTHING
"""

_TAKE_OVER = """
UPDATE gateway.idempotency_keys SET taken_at = $4
WHERE tenant_id = $1 AND route = $2 AND key = $3 AND published_at IS NULL AND taken_at < $5
"""

_KEYS_OF = "SELECT count(*) FROM gateway.idempotency_keys WHERE tenant_id = $1"

_FORGET_KEYS = """
DELETE FROM gateway.idempotency_keys WHERE (tenant_id, route, key) IN (
    SELECT tenant_id, route, key FROM gateway.idempotency_keys WHERE created_at < $1
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


_FULL_WAIT_S = 60.0
_COUNTED_FOR_S = 60.0
_TENANTS_COUNTED = 10_000


@dataclass(slots=True)
class _Counted:
    """How many keys a tenant has. at_s: when they were counted, by a clock that never goes back."""

    keys: int
    at_s: float


class KeyStore:
    """most: keys of one tenant. They are counted once a minute, and what is claimed here meanwhile is added: where
    there are several gateways, a tenant may come to have as many more as the others claim in a minute."""

    def __init__(self, pool: Pool, most: int) -> None:
        self._pool = pool
        self._most = most
        self._counted: Memory[str, _Counted] = Memory(_TENANTS_COUNTED)

    async def claim_key(self, key: IdempotencyKey, new_id: UUID, now: datetime) -> KnownKey:
        """What the key stands for: `new_id` when it was not claimed before, else the id of the first claim.

        Raises TallygateError when it is new and the tenant has too many.
        """
        while True:
            counted = await self._count(key.tenant_id)
            if counted.keys >= self._most:
                if (known := await self.known_key(key)) is not None:
                    return known
                raise _too_many_keys(counted.keys, self._most)
            status = await self._pool.execute(_NEW_KEY, *key, new_id, now)
            if status == "INSERT 0 1":
                counted.keys += 1
                return KnownKey(new_id, key.body_sha256, published=False)
            if (known := await self.known_key(key)) is not None:  # otherwise it was forgotten in between
                return known

    async def _count(self, tenant_id: str) -> _Counted:
        counted = self._counted.get(tenant_id)
        if counted is None or monotonic() - counted.at_s > _COUNTED_FOR_S:
            counted = _Counted(await self._pool.fetchval(_KEYS_OF, tenant_id), monotonic())
            self._counted.put(tenant_id, counted)
        return counted

    async def known_key(self, key: IdempotencyKey) -> KnownKey | None:
        """What the key stands for; None when it was never claimed, or was forgotten."""
        row = await self._pool.fetchrow(
            "SELECT inference_id, body_sha256, published_at IS NOT NULL FROM gateway.idempotency_keys "
            "WHERE tenant_id = $1 AND route = $2 AND key = $3",
            *key[:3],
        )
        return KnownKey(*row) if row is not None else None

    async def take_over(self, key: IdempotencyKey, now: datetime, older_than: datetime) -> bool:
        """Whether the caller may publish in place of a process that began before `older_than` and has not published.

        True for one of several callers: it sets the time of the beginning to `now`.
        """
        return await self._pool.execute(_TAKE_OVER, *key[:3], now, older_than) == "UPDATE 1"

    async def key_published(self, key: IdempotencyKey, now: datetime) -> None:
        await self._pool.execute(
            "UPDATE gateway.idempotency_keys SET published_at = $4 WHERE tenant_id = $1 AND route = $2 AND key = $3",
            *key[:3], now,
        )  # fmt: skip

    async def forget_keys(self, before: datetime, limit: int) -> int:
        """How many were deleted, the oldest first, at most `limit`."""
        return int((await self._pool.execute(_FORGET_KEYS, before, limit)).rpartition(" ")[2])


def _too_many_keys(has: int, most: int) -> TallygateError:
    tips = ("Keys are forgotten after TALLYGATE_RESULT_RETENTION_S; requests without a key are still taken.",)
    setting = "TALLYGATE_MAX_IDEMPOTENCY_KEYS_PER_TENANT"
    return over_quota("Idempotency-Keys", has, most, setting, *tips, retry_after_s=_FULL_WAIT_S)
