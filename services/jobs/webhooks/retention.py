"""Deletes deliveries some time after they were settled, and of one webhook those beyond a number."""

from datetime import timedelta

from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.webhooks.store import DeliveryStore

_EVERY_S = 60.0
_BATCH = 5000  # rows of one statement, so that no lock is held for long
MOST_KEPT = 10_000  # settled deliveries of one webhook


class Retention(Periodic):
    def __init__(self, store: DeliveryStore, retention_s: float) -> None:
        super().__init__("webhook retention", self._forget, _EVERY_S, RETRYABLE, at_once=False)
        self._store = store
        self._kept_for = timedelta(seconds=retention_s)

    async def _forget(self) -> None:
        while await self._store.forget_older(self._kept_for, _BATCH) == _BATCH:
            pass
        while await self._store.forget_beyond(MOST_KEPT, _BATCH) == _BATCH:
            pass
