"""Reading the registry's tables, which the gateway owns and writes."""

from collections.abc import Sequence
from typing import Any

from shared.db.pool import Pool
from shared.registry.models import CUSTOM_PREFIX, DEFAULT_TIMEOUT_S, Model

REGISTRY_CHANNEL = "tallygate_registry"  # payload: the tenant whose models changed

_MODELS = """
SELECT t.tenant_id, t.registry_version, m.model_id, m.wire_format, m.endpoint_url, m.sealed_api_key, m.sealed_headers,
       m.config, m.context_window, m.max_concurrency, m.price, m.timeout_s, m.is_active, m.created_at
FROM gateway.tenants t LEFT JOIN gateway.custom_models m USING (tenant_id)
WHERE $1::text IS NULL OR t.tenant_id = $1
ORDER BY t.tenant_id, m.created_at, m.model_id
"""


class RegistryStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def models_of(self, tenant_id: str) -> tuple[int, list[Model]]:
        """The tenant's registry version and its models, oldest first."""
        rows = await self._pool.fetch(_MODELS, tenant_id)
        return _version_and_models(rows)

    async def all_models(self) -> dict[str, tuple[int, list[Model]]]:
        by_tenant: dict[str, list[Any]] = {}
        for row in await self._pool.fetch(_MODELS, None):
            by_tenant.setdefault(row["tenant_id"], []).append(row)
        return {tenant: _version_and_models(rows) for tenant, rows in by_tenant.items()}


def _version_and_models(rows: Sequence[Any]) -> tuple[int, list[Model]]:
    if not rows:
        return 0, []
    return rows[0]["registry_version"], [_model(row) for row in rows if row["model_id"] is not None]


def _model(row: Any) -> Model:
    return Model(
        id=CUSTOM_PREFIX + row["model_id"],
        tenant_id=row["tenant_id"],
        wire_format=row["wire_format"],
        provider_name=row["wire_format"],
        endpoint_url=row["endpoint_url"],
        sealed_api_key=row["sealed_api_key"],
        sealed_headers=row["sealed_headers"],
        config=row["config"] or {},
        context_window=row["context_window"],
        max_concurrency=row["max_concurrency"],
        price=row["price"],
        timeout_s=row["timeout_s"] or DEFAULT_TIMEOUT_S,
        is_active=row["is_active"],
        created_at=row["created_at"],
    )
