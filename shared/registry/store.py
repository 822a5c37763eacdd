"""Reading the registry's tables, which the gateway owns and writes, and telling who has read them of a change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

import structlog
from pydantic import ValidationError

from shared.db.pool import Connection
from shared.events import CAP_LIFE
from shared.registry.health import HealthRule, Probing
from shared.registry.models import CUSTOM_PREFIX, DEFAULT_IDLE_TIMEOUT_S, DEFAULT_TIMEOUT_S, Capabilities, Model
from shared.registry.terms import Terms

logger = structlog.get_logger(__name__)

REGISTRY_CHANNEL = "tallygate_registry"  # payload: the tenant whose models changed

_MODEL = """
m.model_id, m.wire_format, m.endpoint_url, m.sealed_api_key, m.sealed_headers, m.config, m.capabilities,
m.context_window, m.max_concurrency, m.price, m.timeout_s, m.first_chunk_timeout_s, m.idle_timeout_s, m.weight,
m.is_active, m.draft_until, m.created_at
"""

_TENANTS = f"""
SELECT t.tenant_id, t.registry_version, coalesce(p.terms, '{{}}') || t.terms AS terms,
       (SELECT jsonb_object_agg(k.provider, k.sealed_api_key) FROM gateway.provider_keys k
        WHERE k.tenant_id = t.tenant_id) AS provider_keys, {_MODEL}
FROM gateway.tenants t LEFT JOIN gateway.plans p USING (plan_id) LEFT JOIN gateway.custom_models m USING (tenant_id)
WHERE $1::text IS NULL OR t.tenant_id = $1
ORDER BY t.tenant_id, m.created_at, m.model_id
"""  # noqa: S608 - only constants are joined

_WATCHED = f"""
SELECT m.tenant_id, m.health, m.probe, m.updated_at, {_MODEL} FROM gateway.custom_models m
WHERE (m.health IS NOT NULL OR m.probe IS NOT NULL) AND m.draft_until IS NULL
"""  # noqa: S608

_CHANGED = """
WITH changed AS (
    UPDATE gateway.tenants SET registry_version = registry_version + 1 WHERE tenant_id = ANY($1::text[])
    RETURNING tenant_id)
SELECT pg_notify($2, tenant_id) FROM changed
"""

_WITH_SHADOW_BUDGET = """
SELECT tenant_id FROM gateway.tenants WHERE tenant_id = ANY($1) AND terms ->> 'shadow_usd_per_day' IS NOT NULL
"""

_CAPPED = "SELECT tenant_id, session, since FROM gateway.session_caps WHERE tenant_id = ANY($1::text[]) AND since > $2"

# For a tenant whose terms cannot be read: nothing may be spent that they might forbid.
_CLOSED = Terms(provider_deny=("*",), usd_per_day=0)


class TenantRows(NamedTuple):
    """What the tables hold of one tenant. custom: oldest first. provider_keys: sealed, by provider.

    readable: False when a newer version of Tallygate has written what this one does not understand.
    """

    version: int = 0
    terms: Terms = Terms()
    provider_keys: Mapping[str, str] = {}
    custom: Sequence[Model] = ()
    readable: bool = True


class WatchedModel(NamedTuple):
    """A model of which its owner has said how its health is judged, or that it is probed."""

    model: Model
    health: HealthRule | None
    probe: Probing | None
    updated_at: datetime


class Reader(Protocol):
    """A pool, as far as it is read from."""

    async def fetch(self, sql: str, /, *values: Any) -> Sequence[Any]: ...


class RegistryStore:
    def __init__(self, pool: Reader) -> None:
        self._pool = pool

    async def tenant(self, tenant_id: str) -> TenantRows:
        """Nothing at all for a tenant that is not known."""
        return _tenant_rows(await self._pool.fetch(_TENANTS, tenant_id))

    async def tenants(self) -> dict[str, TenantRows]:
        by_tenant: dict[str, list[Any]] = {}
        for row in await self._pool.fetch(_TENANTS, None):
            by_tenant.setdefault(row["tenant_id"], []).append(row)
        return {tenant: _tenant_rows(rows) for tenant, rows in by_tenant.items()}

    async def watched(self) -> list[WatchedModel]:
        """Of all tenants, without what a newer version of Tallygate has written and this one does not understand."""
        found = [_watched(row) for row in await self._pool.fetch(_WATCHED)]
        return [watched for watched in found if watched is not None]


class CappedSince(NamedTuple):
    """A session that is capped. since: its requests that were accepted from then on count."""

    tenant_id: str
    session: str
    since: datetime


async def capped_sessions(connection: Connection, tenant_ids: Sequence[str], now: datetime) -> list[CappedSince]:
    return [CappedSince(*row) for row in await connection.fetch(_CAPPED, tenant_ids, now - CAP_LIFE)]


async def with_shadow_budget(connection: Connection, tenant_ids: Sequence[str]) -> list[str]:
    """Those of these tenants that have a budget for copies."""
    return [row[0] for row in await connection.fetch(_WITH_SHADOW_BUDGET, tenant_ids)]


async def tell_registries(connection: Connection, tenant_ids: Sequence[str]) -> None:
    """In the transaction that changes what these tenants can call: every router and gateway hears of it."""
    await connection.execute(_CHANGED, tenant_ids, REGISTRY_CHANNEL)


def _tenant_rows(rows: Sequence[Any]) -> TenantRows:
    if not rows:
        return TenantRows()
    first = rows[0]
    try:
        models = [_model(row) for row in rows if row["model_id"] is not None]
        return TenantRows(first["registry_version"], Terms(**first["terms"]), first["provider_keys"] or {}, models)
    except ValidationError as error:
        fields = sorted({".".join(map(str, problem["loc"])) for problem in error.errors(include_input=False)})
        logger.warning("registry.unreadable", tenant=first["tenant_id"], fields=fields)
        return TenantRows(first["registry_version"], _CLOSED, readable=False)


def _watched(row: Any) -> WatchedModel | None:
    try:
        health = None if row["health"] is None else HealthRule.model_validate(row["health"])
        probe = None if row["probe"] is None else Probing.model_validate(row["probe"])
        return WatchedModel(_model(row), health, probe, row["updated_at"])
    except ValidationError:
        logger.warning("registry.unreadable", tenant=row["tenant_id"], model=row["model_id"])
        return None


def _model(row: Any) -> Model:
    timeout_s = row["timeout_s"] or DEFAULT_TIMEOUT_S
    return Model(
        id=CUSTOM_PREFIX + row["model_id"],
        tenant_id=row["tenant_id"],
        wire_format=row["wire_format"],
        provider_name=row["wire_format"],
        endpoint_url=row["endpoint_url"],
        sealed_api_key=row["sealed_api_key"],
        sealed_headers=row["sealed_headers"],
        config=row["config"] or {},
        capabilities=Capabilities(**row["capabilities"]),
        context_window=row["context_window"],
        max_concurrency=row["max_concurrency"],
        price=row["price"],
        timeout_s=timeout_s,
        first_chunk_timeout_s=row["first_chunk_timeout_s"] or timeout_s,
        idle_timeout_s=row["idle_timeout_s"] or DEFAULT_IDLE_TIMEOUT_S,
        weight=row["weight"],
        is_active=row["is_active"],
        is_draft=row["draft_until"] is not None,
        created_at=row["created_at"],
    )
