"""Idempotency keys and stored results are forgotten when they are old."""

import asyncio
from datetime import timedelta

import structlog

from services.gateway.store import WAITABLE, GatewayStore
from shared.events import utc_now

logger = structlog.get_logger(__name__)

_EVERY_S = 60.0
_BATCH = 5000  # rows of one statement, so that no lock is held for long


class Retention:
    def __init__(self, store: GatewayStore, retention_s: float) -> None:
        self._store = store
        self._retention = timedelta(seconds=retention_s)
        self._every_s = min(_EVERY_S, retention_s)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._every_s)
            try:
                forgotten = _BATCH
                while forgotten == _BATCH:
                    forgotten = await self._store.forget_older(utc_now() - self._retention, _BATCH)
            except WAITABLE as error:
                logger.warning("retention.waiting", reason=type(error).__name__)
