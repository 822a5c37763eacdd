"""All SQL on idempotency keys and stored results.

Every statement is bound to a tenant, or to inference ids that were looked up for one.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.gateway.inference.idempotency import IdempotencyKey
from shared.db.pool import Pool

RESULTS_CHANNEL = "tallygate_results"  # NOTIFY with the inference id

_NEW_IDEMPOTENCY_KEY = """
INSERT INTO gateway.idempotency_keys (tenant_id, route, key, body_sha256, inference_id, created_at, taken_at)
VALUES ($1, $2, $3, $4, $5, $6, $6)
ON CONFLICT DO NOTHING
"""

_TAKE_OVER = """
UPDATE gateway.idempotency_keys SET taken_at = $4
WHERE tenant_id = $1 AND route = $2 AND key = $3 AND published_at IS NULL AND taken_at < $5
"""

_NEW_RESULTS = """
INSERT INTO gateway.results (inference_id, tenant_id, ce_type, event, completed_at)
SELECT id, tenant_id, ce_type, event, $5
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[]) AS one (id, tenant_id, ce_type, event)
ON CONFLICT DO NOTHING
"""

_FORGET_KEYS = """
DELETE FROM gateway.idempotency_keys WHERE (tenant_id, route, key) IN (
    SELECT tenant_id, route, key FROM gateway.idempotency_keys WHERE created_at < $1
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""

_FORGET_RESULTS = """
DELETE FROM gateway.results WHERE inference_id IN (
    SELECT inference_id FROM gateway.results WHERE completed_at < $1
    ORDER BY completed_at LIMIT $2 FOR UPDATE SKIP LOCKED)
"""


class KnownKey(NamedTuple):
    """What an idempotency key stands for since it was first sent."""

    inference_id: UUID
    body_sha256: bytes
    published: bool


class StoredResult(NamedTuple):
    """A reply as it travelled: `event` is its body."""

    inference_id: UUID
    tenant_id: str
    ce_type: str
    event: bytes


class InferenceStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def claim_key(self, key: IdempotencyKey, inference_id: UUID, now: datetime) -> KnownKey:
        """The key stands for `inference_id` from now on, or for what it was first sent with."""
        while True:
            status = await self._pool.execute(_NEW_IDEMPOTENCY_KEY, *key, inference_id, now)
            if status == "INSERT 0 1":
                return KnownKey(inference_id, key.body_sha256, published=False)
            if (known := await self.known_key(key)) is not None:  # otherwise it was forgotten in between
                return known

    async def known_key(self, key: IdempotencyKey) -> KnownKey | None:
        """What it stands for."""
        row = await self._pool.fetchrow(
            "SELECT inference_id, body_sha256, published_at IS NOT NULL FROM gateway.idempotency_keys "
            "WHERE tenant_id = $1 AND route = $2 AND key = $3",
            *key[:3],
        )
        return KnownKey(*row) if row is not None else None

    async def take_over(self, key: IdempotencyKey, now: datetime, older_than: datetime) -> bool:
        """True for the one who may publish what somebody else set out to publish, and has not."""
        return await self._pool.execute(_TAKE_OVER, *key[:3], now, older_than) == "UPDATE 1"

    async def key_published(self, key: IdempotencyKey, now: datetime) -> None:
        await self._pool.execute(
            "UPDATE gateway.idempotency_keys SET published_at = $4 WHERE tenant_id = $1 AND route = $2 AND key = $3",
            *key[:3], now,
        )  # fmt: skip

    # Results

    async def add_results(self, results: Sequence[StoredResult], now: datetime) -> None:
        """The first result of an inference stays; all gateways are told which have come."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_NEW_RESULTS, *(list(column) for column in zip(*results, strict=True)), now)
            ids = [str(result.inference_id) for result in results]
            await connection.execute("SELECT pg_notify($1, id) FROM unnest($2::text[]) AS id", RESULTS_CHANNEL, ids)

    async def results(self, inference_ids: Sequence[UUID]) -> list[StoredResult]:
        rows = await self._pool.fetch(
            "SELECT inference_id, tenant_id, ce_type, event FROM gateway.results WHERE inference_id = ANY($1::uuid[])",
            inference_ids,
        )
        return [StoredResult(*row) for row in rows]

    async def forget_older(self, before: datetime, limit: int) -> int:
        """How many keys or results were deleted, whichever was more."""
        done = [await self._pool.execute(statement, before, limit) for statement in (_FORGET_KEYS, _FORGET_RESULTS)]
        return max(int(status.rpartition(" ")[2]) for status in done)
