"""All SQL of the gateway: tenants, keys, models, chat history, idempotency keys, results.

Every statement is bound to a tenant, or to inference ids that were looked up for one.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from services.gateway.changes import Change, record
from services.gateway.idempotency import IdempotencyKey
from shared.access.store import KEYS_CHANNEL
from shared.db.pool import Connection, Pool
from shared.registry.store import tell_registries

_NEW_TENANT = "INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"

_NEW_KEY = """
INSERT INTO gateway.api_keys (key_id, tenant_id, key_sha256, scopes, name, allowed_models, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (key_id) DO NOTHING
"""

_COLUMNS = """model_id, model_name, description, wire_format, endpoint_url, sealed_api_key, sealed_headers, config,
capabilities, context_window, max_concurrency, price, timeout_s, weight, is_active, created_at, updated_at"""

_NEW_MODEL = f"""
INSERT INTO gateway.custom_models (tenant_id, {_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17)
ON CONFLICT DO NOTHING
"""  # noqa: S608 - only constants are joined

_NEW_DRAFT = f"""
INSERT INTO gateway.custom_models (tenant_id, {_COLUMNS}, draft_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $17, $18)
ON CONFLICT DO NOTHING
"""  # noqa: S608 - only constants are joined

_CHANGE_MODEL = """
UPDATE gateway.custom_models SET model_name = $3, description = $4, wire_format = $5, endpoint_url = $6,
    sealed_api_key = $7, sealed_headers = $8, config = $9, capabilities = $10, context_window = $11,
    max_concurrency = $12, price = $13, timeout_s = $14, weight = $15, is_active = $16, updated_at = $17
WHERE tenant_id = $1 AND model_id = $2 AND updated_at = $18
    AND sealed_api_key IS NOT DISTINCT FROM $19 AND sealed_headers IS NOT DISTINCT FROM $20
"""

_NEW_MESSAGE = """
INSERT INTO gateway.chat_messages
    (tenant_id, session_id, message_id, role, sealed_content, model, inference_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT DO NOTHING
"""

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

RESULTS_CHANNEL = "tallygate_results"  # NOTIFY with the inference id


class NewKey(NamedTuple):
    """One row of gateway.api_keys. allowed_models: patterns of model ids, None for all."""

    key_id: str
    tenant_id: str
    sha256: bytes
    scopes: Sequence[str]
    name: str
    allowed_models: Sequence[str] | None = None


class StoredModel(NamedTuple):
    """One row of gateway.custom_models, without its tenant and times."""

    model_id: str
    model_name: str
    description: str
    wire_format: str
    endpoint_url: str
    sealed_api_key: str | None
    sealed_headers: str | None
    config: dict[str, Any]
    capabilities: dict[str, Any]
    context_window: int | None
    max_concurrency: int | None
    price: dict[str, Any] | None
    timeout_s: float | None
    weight: int | None
    is_active: bool


class StoredMessage(NamedTuple):
    message_id: UUID
    role: str
    sealed_content: str
    model: str | None
    inference_id: UUID
    created_at: datetime


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


class GatewayStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    # Tenants and keys

    async def add_key(self, key: NewKey, change: Change | None, now: datetime) -> bool:
        """Makes the tenant when it is new. False when the key is there already."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_NEW_TENANT, key.tenant_id, now)
            made = await connection.execute(_NEW_KEY, *key, now) == "INSERT 0 1"
            if made and change is not None:
                await record(connection, change)
            return made

    async def keys(self, tenant_id: str | None) -> list[asyncpg.Record]:
        return await self._pool.fetch(
            "SELECT key_id, tenant_id, scopes, name, allowed_models, created_at, revoked_at FROM gateway.api_keys "
            "WHERE $1::text IS NULL OR tenant_id = $1 ORDER BY created_at",
            tenant_id,
        )

    async def revoke_key(self, key_id: str, change: Callable[[str], Change], now: datetime) -> bool:
        """`change`: what to put on record, given the tenant whose key it was."""
        async with self._pool.acquire() as connection, connection.transaction():
            tenant_id = await connection.fetchval(
                "UPDATE gateway.api_keys SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL "
                "RETURNING tenant_id",
                key_id,
                now,
            )
            await connection.execute("SELECT pg_notify($1, $2)", KEYS_CHANNEL, key_id)
            if tenant_id is not None:
                await record(connection, change(tenant_id))
            return tenant_id is not None

    # Custom models

    async def models(self, tenant_id: str) -> list[asyncpg.Record]:
        return await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM gateway.custom_models "  # noqa: S608
            "WHERE tenant_id = $1 AND draft_until IS NULL ORDER BY created_at, model_id",
            tenant_id,
        )

    async def model(self, tenant_id: str, model_id: str) -> asyncpg.Record | None:
        return await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM gateway.custom_models "  # noqa: S608
            "WHERE tenant_id = $1 AND model_id = $2 AND draft_until IS NULL",
            tenant_id, model_id,
        )  # fmt: skip

    async def add_model(self, model: StoredModel, change: Change, now: datetime) -> bool:
        """False when the tenant has a model of this id already."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(_NEW_MODEL, change.tenant_id, *model, now)
            return status == "INSERT 0 1" and await _registry_changed(connection, change)

    async def change_model(self, row: asyncpg.Record, model: StoredModel, change: Change, now: datetime) -> bool:
        """False when it is not any more as it was in `row`: changed, resealed or removed meanwhile."""
        before = (row["updated_at"], row["sealed_api_key"], row["sealed_headers"])
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(_CHANGE_MODEL, change.tenant_id, *model, now, *before)
            return status == "UPDATE 1" and await _registry_changed(connection, change)

    async def remove_model(self, model_id: str, change: Change) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "DELETE FROM gateway.custom_models WHERE tenant_id = $1 AND model_id = $2",
                change.tenant_id,
                model_id,
            )
            return status == "DELETE 1" and await _registry_changed(connection, change)

    # Drafts

    async def has_model(self, tenant_id: str, model_id: str, now: datetime) -> bool:
        """Whether the id is taken, by a model or by one that is being set up."""
        taken = await self._pool.fetchval(
            "SELECT true FROM gateway.custom_models "
            "WHERE tenant_id = $1 AND model_id = $2 AND (draft_until IS NULL OR draft_until >= $3)",
            tenant_id, model_id, now,
        )  # fmt: skip
        return taken is True

    async def add_draft(self, tenant_id: str, model: StoredModel, now: datetime, until: datetime) -> bool:
        """Not active, whatever `model` says. False when the id is taken; a draft that is past its time is replaced."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "DELETE FROM gateway.custom_models WHERE tenant_id = $1 AND model_id = $2 AND draft_until < $3",
                tenant_id, model.model_id, now,
            )  # fmt: skip
            row = (tenant_id, *model._replace(is_active=False), now, until)
            made = await connection.execute(_NEW_DRAFT, *row) == "INSERT 0 1"
            if made:
                await tell_registries(connection, [tenant_id])
            return made

    async def keep_draft(self, model_id: str, until: datetime, is_active: bool, change: Change, now: datetime) -> bool:
        """The draft that was made with `until` becomes a model. False when it is not there any more."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "UPDATE gateway.custom_models SET draft_until = NULL, is_active = $4, updated_at = $5 "
                "WHERE tenant_id = $1 AND model_id = $2 AND draft_until = $3",
                change.tenant_id, model_id, until, is_active, now,
            )  # fmt: skip
            return status == "UPDATE 1" and await _registry_changed(connection, change)

    async def remove_draft(self, tenant_id: str, model_id: str, until: datetime) -> None:
        """The draft that was made with `until`; never what became of it, or another one."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "DELETE FROM gateway.custom_models WHERE tenant_id = $1 AND model_id = $2 AND draft_until = $3",
                tenant_id, model_id, until,
            )  # fmt: skip
            if status == "DELETE 1":
                await tell_registries(connection, [tenant_id])

    async def forget_drafts(self, now: datetime) -> int:
        """Those whose setup died: how many were deleted."""
        async with self._pool.acquire() as connection, connection.transaction():
            tenants = await connection.fetch(
                "DELETE FROM gateway.custom_models WHERE draft_until < $1 RETURNING tenant_id", now
            )
            await tell_registries(connection, sorted({row["tenant_id"] for row in tenants}))
            return len(tenants)

    # Chat history

    async def history(self, tenant_id: str, session_id: str, limit: int) -> list[StoredMessage]:
        """The newest `limit` messages, oldest first."""
        rows = await self._pool.fetch(
            "SELECT message_id, role, sealed_content, model, inference_id, created_at FROM gateway.chat_messages "
            "WHERE tenant_id = $1 AND session_id = $2 ORDER BY message_id DESC LIMIT $3",
            tenant_id, session_id, limit,
        )  # fmt: skip
        return [StoredMessage(*row) for row in reversed(rows)]

    async def add_messages(self, tenant_id: str, session_id: str, messages: Sequence[StoredMessage]) -> None:
        rows = [(tenant_id, session_id, *message) for message in messages]
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.executemany(_NEW_MESSAGE, rows)

    async def forget_history(self, tenant_id: str, session_id: str) -> int:
        status = await self._pool.execute(
            "DELETE FROM gateway.chat_messages WHERE tenant_id = $1 AND session_id = $2",
            tenant_id,
            session_id,
        )
        return int(status.rpartition(" ")[2])

    # Idempotency keys

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


async def _registry_changed(connection: Connection, change: Change) -> bool:
    """Tells every router and gateway, and puts it on record."""
    await tell_registries(connection, [change.tenant_id])
    await record(connection, change)
    return True
