"""All SQL on tenants: API keys, terms and plans, their keys of providers, and the record of changes."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from services.gateway.quotas import over_quota
from services.gateway.tenants.changes import Change
from shared.access.store import KEYS_CHANNEL
from shared.db.pool import Connection, Pool
from shared.db.reads import Reads
from shared.events import new_id, utc_now
from shared.priorities import Priority
from shared.registry.store import tell_registries

_NEW_TENANT = "INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, $2) ON CONFLICT DO NOTHING"

_NEW_KEY = """
INSERT INTO gateway.api_keys (key_id, tenant_id, key_sha256, scopes, name, allowed_models, max_priority, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (key_id) DO NOTHING
"""

# Until the transaction ends, nobody else adds to what the tenant has of something that is counted.
HOLD_TENANT = "SELECT FROM gateway.tenants WHERE tenant_id = $1 FOR NO KEY UPDATE"

_ACTIVE_KEYS = "SELECT count(*) FROM gateway.api_keys WHERE tenant_id = $1 AND revoked_at IS NULL"

_TENANTS = """
SELECT t.tenant_id, t.plan_id, t.terms AS own_terms, coalesce(p.terms, '{}') || t.terms AS terms, t.created_at,
       (SELECT count(*) FROM gateway.api_keys k WHERE k.tenant_id = t.tenant_id AND k.revoked_at IS NULL) AS keys,
       (SELECT count(*) FROM gateway.custom_models m
        WHERE m.tenant_id = t.tenant_id AND m.draft_until IS NULL) AS models
FROM gateway.tenants t LEFT JOIN gateway.plans p USING (plan_id)
WHERE $1::text IS NULL OR t.tenant_id = $1
ORDER BY t.tenant_id
"""

_PUT_PLAN = """
INSERT INTO gateway.plans (plan_id, terms, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (plan_id) DO UPDATE SET terms = excluded.terms, updated_at = excluded.updated_at
"""

_PUT_PROVIDER_KEY = """
INSERT INTO gateway.provider_keys (tenant_id, provider, sealed_api_key, created_at, updated_at)
VALUES ($1, $2, $3, $4, $4)
ON CONFLICT (tenant_id, provider) DO UPDATE SET sealed_api_key = excluded.sealed_api_key, updated_at = $4
"""

# Merged in the database, so that two concurrent changes do not overwrite each other.
_CHANGE_TERMS = """
UPDATE gateway.tenants
SET plan_id = CASE WHEN $2 THEN $3 ELSE plan_id END, terms = jsonb_strip_nulls(terms || $4)
WHERE tenant_id = $1 RETURNING plan_id, terms
"""

_NEW_CHANGE = """
INSERT INTO gateway.changes (change_id, tenant_id, key_id, action, subject, details, person, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

_CHANGES = """
SELECT change_id, tenant_id, key_id, action, subject, details, person, changed_at FROM gateway.changes
WHERE ($1::text IS NULL OR tenant_id = $1) AND ($2::uuid IS NULL OR change_id < $2)
ORDER BY change_id DESC LIMIT $3
"""


class NewKey(NamedTuple):
    """One row of gateway.api_keys. allowed_models: patterns of model ids, None for all. max_priority: None for any."""

    key_id: str
    tenant_id: str
    sha256: bytes
    scopes: Sequence[str]
    name: str
    allowed_models: Sequence[str] | None = None
    max_priority: Priority | None = None


class TenantStore:
    """reads: for lists, which may be long. most_keys: of one tenant, that are not revoked."""

    def __init__(self, pool: Pool, reads: Reads, most_keys: int) -> None:
        self._pool = pool
        self._reads = reads
        self._most_keys = most_keys

    async def add_key(self, key: NewKey, change: Change | None, now: datetime) -> bool:
        """Makes the tenant when it is new. False when the key is there already.

        Raises TallygateError when the tenant has too many. The key that was configured, without a change, is let in.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_NEW_TENANT, key.tenant_id, now)
            if change is not None:
                await self._room(connection, key.tenant_id)
            made = await connection.execute(_NEW_KEY, *key, now) == "INSERT 0 1"
            if made and change is not None:
                await record_change(connection, change)
            return made

    async def _room(self, connection: Connection, tenant_id: str) -> None:
        await connection.execute(HOLD_TENANT, tenant_id)
        has = await connection.fetchval(_ACTIVE_KEYS, tenant_id)
        if has >= self._most_keys:
            tip = "Revoke one that is not used: tallygate keys revoke <key id>"
            raise over_quota("keys", has, self._most_keys, "TALLYGATE_MAX_KEYS_PER_TENANT", tip)

    async def keys(self, tenant_id: str | None) -> list[asyncpg.Record]:
        return await self._reads.fetch(
            tenant_id,
            "SELECT key_id, tenant_id, scopes, name, allowed_models, max_priority, created_at, revoked_at "
            "FROM gateway.api_keys WHERE $1::text IS NULL OR tenant_id = $1 ORDER BY created_at",
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
                await record_change(connection, change(tenant_id))
            return tenant_id is not None

    async def tenants(self) -> list[asyncpg.Record]:
        return await self._reads.fetch(None, _TENANTS, None)

    async def tenant(self, tenant_id: str) -> asyncpg.Record | None:
        return await self._pool.fetchrow(_TENANTS, tenant_id)

    async def change_terms(
        self, tenant_id: str, sent: Mapping[str, Any], change: Callable[[asyncpg.Record], Change]
    ) -> None:
        """Only what was sent is changed; None takes a term away. `change`: what to put on record, given the new row.

        Raises UnknownReferenceError for an unknown plan.
        """
        terms = {name: value for name, value in sent.items() if name != "plan"}
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_CHANGE_TERMS, tenant_id, "plan" in sent, sent.get("plan"), terms)
            if row is not None:
                await _changed(connection, change(row), [tenant_id])

    async def plans(self) -> list[asyncpg.Record]:
        return await self._pool.fetch("SELECT plan_id, terms, updated_at FROM gateway.plans ORDER BY plan_id")

    async def put_plan(self, plan_id: str, terms: dict[str, Any], change: Change, now: datetime) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_PUT_PLAN, plan_id, terms, now)
            rows = await connection.fetch("SELECT tenant_id FROM gateway.tenants WHERE plan_id = $1", plan_id)
            await _changed(connection, change, [row["tenant_id"] for row in rows])

    async def remove_plan(self, plan_id: str, change: Change) -> bool:
        """Raises UnknownReferenceError while tenants have it."""
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute("DELETE FROM gateway.plans WHERE plan_id = $1", plan_id)
            if status == "DELETE 1":
                await record_change(connection, change)
            return bool(status == "DELETE 1")

    async def provider_keys(self, tenant_id: str) -> list[asyncpg.Record]:
        return await self._pool.fetch(
            "SELECT provider, sealed_api_key, created_at, updated_at FROM gateway.provider_keys WHERE tenant_id = $1",
            tenant_id,
        )

    async def put_provider_key(self, tenant_id: str, provider: str, sealed: str, change: Change, now: datetime) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_PUT_PROVIDER_KEY, tenant_id, provider, sealed, now)
            await _changed(connection, change, [tenant_id])

    async def remove_provider_key(self, tenant_id: str, provider: str, change: Change) -> bool:
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.execute(
                "DELETE FROM gateway.provider_keys WHERE tenant_id = $1 AND provider = $2", tenant_id, provider
            )
            if status == "DELETE 1":
                await _changed(connection, change, [tenant_id])
            return bool(status == "DELETE 1")

    async def record(self, change: Change) -> None:
        """Of what is done elsewhere than in the database: before it is done."""
        async with self._pool.acquire() as connection:
            await record_change(connection, change)

    async def changes(self, tenant_id: str | None, before: UUID | None, limit: int) -> list[asyncpg.Record]:
        """Newest first, those that are older than the change `before`."""
        return await self._reads.fetch(tenant_id, _CHANGES, tenant_id, before, limit)


async def record_change(connection: Connection, change: Change) -> None:
    """Puts a change on record, in the transaction that makes it."""
    await connection.execute(_NEW_CHANGE, new_id(), *change, utc_now())


async def _changed(connection: Connection, change: Change, tenant_ids: list[str]) -> None:
    """Tells every router and gateway, and puts it on record."""
    await tell_registries(connection, tenant_ids)
    await record_change(connection, change)
