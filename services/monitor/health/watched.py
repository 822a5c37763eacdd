"""The models whose owners have said how their health is judged, or that they are probed; as the registry has them."""

from collections.abc import Mapping

from services.monitor.rollups.health import ThresholdsOfModel, thresholds_of
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.events import HealthThresholds
from shared.registry.store import RegistryStore, WatchedModel

_FULL_READ_EVERY_S = 30.0  # a notification may be lost


class Watched:
    """default: thresholds of all others."""

    def __init__(self, store: RegistryStore, default: HealthThresholds) -> None:
        self._store = store
        self._default = default
        self._reading = Periodic("watched models", self.read, _FULL_READ_EVERY_S, RETRYABLE, at_once=False)
        self.models: Mapping[str, WatchedModel] = {}  # by "<tenant_id>/<model>"

    async def start(self) -> None:
        """Returns when they are known: until then models would be judged by other thresholds."""
        await self.read()
        await self._reading.start()

    async def stop(self) -> None:
        await self._reading.stop()

    def changed(self, _tenant_id: str | None) -> None:
        """A notification of the registry."""
        self._reading.wake()

    async def read(self) -> None:
        self.models = {f"{one.model.tenant_id}/{one.model.id}": one for one in await self._store.watched()}

    def thresholds(self, subject: str) -> HealthThresholds:
        watched = self.models.get(subject)
        return self._default if watched is None else thresholds_of(watched.health, self._default)

    def thresholds_of(self, tenant_id: str) -> ThresholdsOfModel:
        return lambda model: self.thresholds(f"{tenant_id}/{model}")

    @property
    def probed(self) -> dict[str, WatchedModel]:
        """Those that are to be probed, by subject: active ones only."""
        return {subject: one for subject, one in self.models.items() if one.probe is not None and one.model.is_active}
