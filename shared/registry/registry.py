"""The registry in memory: every tenant's models, kept current by notifications and checked by versions.

Three things keep it right: a NOTIFY per change; a full reading after every reconnect and at a steady interval;
and the version in each request, which makes a router that knows less read again before it selects.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from shared.db.pool import RETRYABLE
from shared.registry.models import Model
from shared.registry.providers import ProviderModels
from shared.registry.store import RegistryStore

logger = structlog.get_logger(__name__)

_FULL_READ_EVERY_S = 30.0
_STALE_AFTER_S = 300.0  # without the database, what was read last is served for this long


@dataclass(frozen=True, slots=True)
class TenantModels:
    """What one tenant can call: its custom models, oldest first, and the deployment's provider models."""

    version: int = 0
    custom: Mapping[str, Model] = field(default_factory=dict)
    provider: ProviderModels = field(default_factory=dict)

    def get(self, model_id: str) -> Model | None:
        return self.custom.get(model_id) or self.provider.get(model_id)


class Registry:
    def __init__(self, store: RegistryStore, providers: ProviderModels) -> None:
        self._store = store
        self._providers = providers
        self._tenants: dict[str, TenantModels] = {}
        self._changed: set[str | None] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._read_at = 0.0

    async def start(self) -> None:
        await self._read_all()
        self._task = asyncio.create_task(self._keep_current(), name="registry")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def changed(self, tenant_id: str | None) -> None:
        """A notification: this tenant's models, or (None) anyone's, may have changed."""
        self._changed.add(tenant_id)
        self._wake.set()

    def of(self, tenant_id: str) -> TenantModels:
        return self._tenants.get(tenant_id) or TenantModels(provider=self._providers)

    async def at_least(self, tenant_id: str, version: int) -> TenantModels:
        """The tenant's models, read again when what is known is older than `version`."""
        known = self.of(tenant_id)
        return known if known.version >= version else await self.refresh(tenant_id)

    async def refresh(self, tenant_id: str) -> TenantModels:
        version, models = await self._store.models_of(tenant_id)
        self._keep(tenant_id, version, models)
        return self.of(tenant_id)

    @property
    def stale(self) -> bool:
        """The database has been silent for so long that what is known is no longer to be trusted."""
        return asyncio.get_running_loop().time() - self._read_at > _STALE_AFTER_S

    def _keep(self, tenant_id: str, version: int, models: list[Model]) -> None:
        self._tenants[tenant_id] = TenantModels(version, {model.id: model for model in models}, self._providers)

    async def _read_all(self) -> None:
        for tenant_id, (version, models) in (await self._store.all_models()).items():
            self._keep(tenant_id, version, models)
        self._read_at = asyncio.get_running_loop().time()

    async def _keep_current(self) -> None:
        while True:
            await self._wait_for_change()
            changed, self._changed = self._changed, set()
            try:
                if None in changed:
                    await self._read_all()
                else:
                    for tenant_id in changed:
                        await self.refresh(str(tenant_id))
            except RETRYABLE as error:
                logger.warning("registry.not_read", reason=str(error))
                await asyncio.sleep(1.0)
                self.changed(None)

    async def _wait_for_change(self) -> None:
        try:
            async with asyncio.timeout(_FULL_READ_EVERY_S):
                await self._wake.wait()
        except TimeoutError:
            self._changed.add(None)
        self._wake.clear()
