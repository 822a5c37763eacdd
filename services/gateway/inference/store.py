"""All SQL on idempotency keys. Every statement is bound to a tenant."""

from datetime import datetime
from uuid import UUID

from services.gateway.inference.idempotency import IdempotencyKey, KnownKey
from shared.db.pool import Pool

_NEW_KEY = """
INSERT INTO gateway.idempotency_keys (tenant_id, route, key, body_sha256, inference_id, created_at, taken_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT DO NOTHING
"""

_TAKE_OVER = """
UPDATE gateway.idempotency_keys SET taken_at = $4
WHERE tenant_id = $1 AND route = $2 AND key = $3 AND published_at IS NULL AND taken_at < $5
"""

_FORGET_KEYS = """
DELETE FROM gateway.idempotency_keys WHERE (tenant_id, route, key) IN (
    SELECT tenant_id, route, key FROM gateway.idempotency_keys WHERE created_at < $1
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


class KeyStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim_key(self, key: IdempotencyKey, new_id: UUID, now: datetime) -> KnownKey:
        """What the key stands for: `new_id` when it was not claimed before, else the id of the first claim."""
        while True:
            status = await self._pool.execute(_NEW_KEY, *key, new_id, now)
            if status == "INSERT 0 1":
                return KnownKey(new_id, key.body_sha256, published=False)
            if (known := await self.known_key(key)) is not None:  # otherwise it was forgotten in between
                return known

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
