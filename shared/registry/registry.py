"""The registry in memory: every tenant's models, kept current by notifications and checked by versions.

Three things keep it right: a NOTIFY per change; a full reading after every reconnect and at a steady interval;
and the version in each request, which makes a router with an older one read again before it selects.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.registry.models import Model
from shared.registry.providers import ProviderModels, with_own_keys
from shared.registry.store import RegistryStore, TenantRows
from shared.registry.terms import Terms

_FULL_READ_EVERY_S = 30.0
_RETRY_S = 1.0
_STALE_AFTER_S = 300.0  # without the database, what was read last is served for this long


@dataclass(frozen=True, slots=True)
class TenantModels:
    """What one tenant can call, and its terms: its custom models, oldest first; provider models with its own keys."""

    version: int = 0
    custom: Mapping[str, Model] = field(default_factory=dict)
    provider: ProviderModels = field(default_factory=dict)
    terms: Terms = field(default_factory=Terms)

    @property
    def all(self) -> tuple[Model, ...]:
        """Those that are set up, in the order of registration and configuration."""
        return tuple(model for model in (*self.custom.values(), *self.provider.values()) if not model.is_draft)

    def get(self, model_id: str) -> Model | None:
        return self.custom.get(model_id) or self.provider.get(model_id)


class Registry:
    def __init__(
        self, store: RegistryStore, providers: ProviderModels, *, retry_s: float = _RETRY_S,
        read_all_every_s: float = _FULL_READ_EVERY_S,
    ) -> None:  # fmt: skip
        self._store = store
        self._providers = providers
        self._tenants: dict[str, TenantModels] = {}
        self._changed: set[str | None] = set()
        self._reading = Periodic(
            "registry", self._read_changed, read_all_every_s, RETRYABLE, retry_s=retry_s, at_once=False
        )
        self._read_all_every_s = read_all_every_s
        self._read_at = 0.0  # when everything was read last

    async def start(self) -> None:
        await self._read_all()
        await self._reading.start()

    async def stop(self) -> None:
        await self._reading.stop()

    def changed(self, tenant_id: str | None) -> None:
        """A notification: this tenant's models, or (None) anyone's, may have changed."""
        self._changed.add(tenant_id)
        self._reading.wake()

    def of(self, tenant_id: str) -> TenantModels:
        return self._tenants.get(tenant_id) or TenantModels(provider=self._providers)

    def current(self, tenant_id: str) -> TenantModels:
        """As `of`. Raises TallygateError `unavailable` when what is known is no longer to be trusted."""
        if self.stale:
            raise TallygateError("unavailable", "the registry could not be read for minutes", retry_after_s=5.0)
        return self.of(tenant_id)

    async def at_least(self, tenant_id: str, version: int) -> TenantModels:
        """The tenant's models, read again when what is known is older than `version`."""
        known = self.of(tenant_id)
        return known if known.version >= version else await self.refresh(tenant_id)

    async def refresh(self, tenant_id: str) -> TenantModels:
        self._keep(tenant_id, await self._store.tenant(tenant_id))
        return self.of(tenant_id)

    @property
    def stale(self) -> bool:
        """The database has been silent for so long that what is known is no longer to be trusted."""
        return self._age_s > _STALE_AFTER_S

    @property
    def _age_s(self) -> float:
        return asyncio.get_running_loop().time() - self._read_at

    def _keep(self, tenant_id: str, rows: TenantRows) -> None:
        known = self._tenants.get(tenant_id)
        if known is not None and rows.version < known.version:
            return  # two readings at once; this one began earlier
        if known is not None and not rows.readable:
            self._tenants[tenant_id] = replace(known, version=rows.version)
            return
        custom = {model.id: model for model in rows.custom}
        provider = with_own_keys(self._providers, tenant_id, rows.provider_keys)
        self._tenants[tenant_id] = TenantModels(rows.version, custom, provider, rows.terms)

    async def _read_all(self) -> None:
        for tenant_id, rows in (await self._store.tenants()).items():
            self._keep(tenant_id, rows)
        self._read_at = asyncio.get_running_loop().time()

    async def _read_changed(self) -> None:
        """What was notified; everything when that was not read for a while, however much is notified, and after a
        reading that failed."""
        changed, self._changed = self._changed or {None}, set()
        try:
            if None in changed or self._age_s >= self._read_all_every_s:
                await self._read_all()
            else:
                for tenant_id in changed:
                    await self.refresh(str(tenant_id))
        except Exception:
            self._changed.add(None)
            raise
