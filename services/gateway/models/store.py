"""All SQL on custom models, those that are being set up (drafts) included. Every statement is bound to a tenant."""

from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from services.gateway.quotas import over_quota
from services.gateway.tenants.changes import Change
from services.gateway.tenants.store import HOLD_TENANT, record_change
from shared.db.pool import Connection, Pool
from shared.db.reads import Reads
from shared.registry.store import tell_registries
from shared.wire import WireFormat

_COLUMNS = """model_id, model_name, description, wire_format, endpoint_url, sealed_api_key, sealed_headers, config,
capabilities, context_window, max_concurrency, price, timeout_s, first_chunk_timeout_s, idle_timeout_s, weight,
health, probe, is_active, created_at, updated_at"""

_NEW_MODEL = f"""
INSERT INTO gateway.custom_models (tenant_id, {_COLUMNS})
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21)
ON CONFLICT DO NOTHING
"""  # noqa: S608 - only constants are joined

_NEW_DRAFT = f"""
INSERT INTO gateway.custom_models (tenant_id, {_COLUMNS}, draft_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $21, $22)
ON CONFLICT DO NOTHING
"""  # noqa: S608 - only constants are joined

_CHANGE_MODEL = """
UPDATE gateway.custom_models SET model_name = $3, description = $4, wire_format = $5, endpoint_url = $6,
    sealed_api_key = $7, sealed_headers = $8, config = $9, capabilities = $10, context_window = $11,
    max_concurrency = $12, price = $13, timeout_s = $14, first_chunk_timeout_s = $15, idle_timeout_s = $16,
    weight = $17, health = $18, probe = $19, is_active = $20, updated_at = $21
WHERE tenant_id = $1 AND model_id = $2 AND updated_at = $22
    AND sealed_api_key IS NOT DISTINCT FROM $23 AND sealed_headers IS NOT DISTINCT FROM $24
"""


class StoredModel(NamedTuple):
    """One row of gateway.custom_models, without its tenant and times."""

    model_id: str
    model_name: str
    description: str
    wire_format: WireFormat
    endpoint_url: str
    sealed_api_key: str | None
    sealed_headers: str | None
    config: dict[str, Any]
    capabilities: dict[str, Any]
    context_window: int | None
    max_concurrency: int | None
    price: dict[str, Any] | None
    timeout_s: float | None
    first_chunk_timeout_s: float | None
    idle_timeout_s: float | None
    weight: int | None
    health: dict[str, Any] | None
    probe: dict[str, Any] | None
    is_active: bool


class ModelStore:
    """reads: for lists, which may be long. most: models of one tenant, those that are being set up included."""

    def __init__(self, pool: Pool, reads: Reads, most: int) -> None:
        self._pool = pool
        self._reads = reads
        self._most = most

    async def models(self, tenant_id: str) -> list[asyncpg.Record]:
        return await self._reads.fetch(
            tenant_id,
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
        """False when the tenant has a model of this id already. Raises TallygateError when it has too many."""
        async with self._pool.acquire() as connection, connection.transaction():
            await self._room(connection, change.tenant_id)
            status = await connection.execute(_NEW_MODEL, change.tenant_id, *model, now)
            return status == "INSERT 0 1" and await _registry_changed(connection, change)

    async def change_model(self, row: asyncpg.Record, model: StoredModel, change: Change, now: datetime) -> bool:
        """False when the stored row differs from `row`: it was changed, resealed or removed in the meantime."""
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
        """Not active, whatever `model` says. False when the id is taken; a draft that is past its time is replaced.

        Raises TallygateError when the tenant has too many.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                "DELETE FROM gateway.custom_models WHERE tenant_id = $1 AND model_id = $2 AND draft_until < $3",
                tenant_id, model.model_id, now,
            )  # fmt: skip
            await self._room(connection, tenant_id)
            row = (tenant_id, *model._replace(is_active=False), now, until)
            made = await connection.execute(_NEW_DRAFT, *row) == "INSERT 0 1"
            if made:
                await tell_registries(connection, [tenant_id])
            return made

    async def _room(self, connection: Connection, tenant_id: str) -> None:
        """Raises TallygateError when there is none for one more. Nobody else adds one until the transaction ends."""
        await connection.execute(HOLD_TENANT, tenant_id)
        has = await connection.fetchval("SELECT count(*) FROM gateway.custom_models WHERE tenant_id = $1", tenant_id)
        if has >= self._most:
            tip = "Remove one that is not needed: tallygate models remove <model>"
            raise over_quota("models", has, self._most, "TALLYGATE_MAX_MODELS_PER_TENANT", tip)

    async def keep_draft(
        self, model: StoredModel, until: datetime, is_active: bool, change: Change, now: datetime
    ) -> bool:
        """The draft that was made with `until` becomes a model, with its capabilities as they are known now. False when
        it is not there any more."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "UPDATE gateway.custom_models SET draft_until = NULL, is_active = $4, updated_at = $5, "
                "capabilities = $6 WHERE tenant_id = $1 AND model_id = $2 AND draft_until = $3",
                change.tenant_id, model.model_id, until, is_active, now, model.capabilities,
            )  # fmt: skip
            return status == "UPDATE 1" and await _registry_changed(connection, change)

    async def remove_draft(self, tenant_id: str, model_id: str, until: datetime) -> None:
        """Removes the draft that was made with `until`; never the model that it became, nor a newer draft."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "DELETE FROM gateway.custom_models WHERE tenant_id = $1 AND model_id = $2 AND draft_until = $3",
                tenant_id, model_id, until,
            )  # fmt: skip
            if status == "DELETE 1":
                await tell_registries(connection, [tenant_id])

    async def forget_drafts(self, now: datetime) -> int:
        """Deletes drafts whose time has passed, since their setup died; returns how many."""
        async with self._pool.acquire() as connection, connection.transaction():
            tenants = await connection.fetch(
                "DELETE FROM gateway.custom_models WHERE draft_until < $1 RETURNING tenant_id", now
            )
            await tell_registries(connection, sorted({row["tenant_id"] for row in tenants}))
            return len(tenants)


async def _registry_changed(connection: Connection, change: Change) -> bool:
    """Tells every router and gateway, and puts it on record."""
    await tell_registries(connection, [change.tenant_id])
    await record_change(connection, change)
    return True
