"""All SQL of the gateway: tenants, keys, models, chat history. Every statement is bound to a tenant."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from shared.access.store import KEYS_CHANNEL
from shared.db.pool import Connection, Pool
from shared.registry.store import REGISTRY_CHANNEL

_NEW_TENANT = "INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"

_NEW_KEY = """
INSERT INTO gateway.api_keys (key_id, tenant_id, key_sha256, scopes, name, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (key_id) DO NOTHING
"""

_COLUMNS = """model_id, model_name, description, wire_format, endpoint_url, sealed_api_key, sealed_headers, config,
context_window, max_concurrency, price, timeout_s, is_active, created_at, updated_at"""

_NEW_MODEL = f"""
INSERT INTO gateway.custom_models (tenant_id, {_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
ON CONFLICT DO NOTHING
"""  # noqa: S608 - only constants are joined

_CHANGE_MODEL = """
UPDATE gateway.custom_models SET model_name = $3, description = $4, wire_format = $5, endpoint_url = $6,
    sealed_api_key = $7, sealed_headers = $8, config = $9, context_window = $10, max_concurrency = $11, price = $12,
    timeout_s = $13, is_active = $14, updated_at = $15
WHERE tenant_id = $1 AND model_id = $2
"""

_NEW_MESSAGE = """
INSERT INTO gateway.chat_messages
    (tenant_id, session_id, message_id, role, sealed_content, model, inference_id, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""


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
    context_window: int | None
    max_concurrency: int | None
    price: dict[str, Any] | None
    timeout_s: float | None
    is_active: bool


class StoredMessage(NamedTuple):
    message_id: UUID
    role: str
    sealed_content: str
    model: str | None
    inference_id: UUID
    created_at: datetime


class GatewayStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    # Tenants and keys

    async def add_key(
        self, key_id: str, tenant_id: str, sha256: bytes, scopes: Sequence[str], name: str, now: datetime
    ) -> bool:
        """Makes the tenant when it is new. False when the key is there already."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_NEW_TENANT, tenant_id, now)
            status = await connection.execute(_NEW_KEY, key_id, tenant_id, sha256, list(scopes), name, now)
            return bool(status == "INSERT 0 1")

    async def keys(self, tenant_id: str | None) -> list[asyncpg.Record]:
        return await self._pool.fetch(
            "SELECT key_id, tenant_id, scopes, name, created_at, revoked_at FROM gateway.api_keys "
            "WHERE $1::text IS NULL OR tenant_id = $1 ORDER BY created_at",
            tenant_id,
        )

    async def revoke_key(self, key_id: str, now: datetime) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "UPDATE gateway.api_keys SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL",
                key_id,
                now,
            )
            await connection.execute("SELECT pg_notify($1, $2)", KEYS_CHANNEL, key_id)
            return bool(status == "UPDATE 1")

    # Custom models

    async def models(self, tenant_id: str) -> list[asyncpg.Record]:
        return await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM gateway.custom_models WHERE tenant_id = $1 ORDER BY created_at, model_id",  # noqa: S608
            tenant_id,
        )

    async def model(self, tenant_id: str, model_id: str) -> asyncpg.Record | None:
        return await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM gateway.custom_models WHERE tenant_id = $1 AND model_id = $2",  # noqa: S608
            tenant_id, model_id,
        )  # fmt: skip

    async def add_model(self, tenant_id: str, model: StoredModel, now: datetime) -> bool:
        """False when the tenant has a model of this id already."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(_NEW_MODEL, tenant_id, *model, now)
            return status == "INSERT 0 1" and await _registry_changed(connection, tenant_id)

    async def change_model(self, tenant_id: str, model: StoredModel, now: datetime) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(_CHANGE_MODEL, tenant_id, *model, now)
            return status == "UPDATE 1" and await _registry_changed(connection, tenant_id)

    async def remove_model(self, tenant_id: str, model_id: str) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "DELETE FROM gateway.custom_models WHERE tenant_id = $1 AND model_id = $2",
                tenant_id,
                model_id,
            )
            return status == "DELETE 1" and await _registry_changed(connection, tenant_id)

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


async def _registry_changed(connection: Connection, tenant_id: str) -> bool:
    await connection.execute(
        "UPDATE gateway.tenants SET registry_version = registry_version + 1 WHERE tenant_id = $1", tenant_id
    )
    await connection.execute("SELECT pg_notify($1, $2)", REGISTRY_CHANNEL, tenant_id)
    return True
