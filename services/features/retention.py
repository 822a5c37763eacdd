"""What finished steps gave is forgotten a while after their job was settled."""

import asyncio
from datetime import timedelta

import structlog

from services.features.store import FeaturesStore
from shared.background import end_task
from shared.db.pool import RETRYABLE
from shared.events import utc_now

logger = structlog.get_logger(__name__)

_EVERY_S = 60.0


class Retention:
    def __init__(self, store: FeaturesStore, retention_s: float) -> None:
        self._store = store
        self._retention = timedelta(seconds=retention_s)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="retention")

    async def stop(self) -> None:
        await end_task(self._task)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            try:
                await self._store.forget_older(utc_now() - self._retention)
            except RETRYABLE as error:
                logger.warning("retention.waiting", reason=type(error).__name__)
