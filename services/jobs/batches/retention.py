"""Deletes batches some time after their end; their files are kept for as long as was said when they were made."""

from datetime import timedelta

from shared.background import Periodic
from shared.batches.store import BatchStore
from shared.db.failures import RETRYABLE

_EVERY_S = 60.0
_BATCH = 1000


class BatchRetention(Periodic):
    def __init__(self, store: BatchStore, retention_s: float) -> None:
        super().__init__("batch retention", self._forget, _EVERY_S, RETRYABLE, at_once=False)
        self._store = store
        self._kept_for = timedelta(seconds=retention_s)

    async def _forget(self) -> None:
        while await self._store.forget(self._kept_for, _BATCH) == _BATCH:
            pass
