"""Deletes jobs, with the values of their steps, some time after they were settled."""

from datetime import timedelta

from services.features.store import FeaturesStore
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.events import utc_now

_EVERY_S = 60.0


class Retention(Periodic):
    def __init__(self, store: FeaturesStore, retention_s: float) -> None:
        super().__init__("retention", self._forget, _EVERY_S, RETRYABLE, at_once=False)
        self._store = store
        self._retention = timedelta(seconds=retention_s)

    async def _forget(self) -> None:
        await self._store.forget_older(utc_now() - self._retention)
