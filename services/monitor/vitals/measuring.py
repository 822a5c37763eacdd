"""Measured when somebody scrapes `/metrics`, and at no other time."""

import asyncio
import math

import structlog

from services.monitor.books.lag import Lag
from services.monitor.instruments import database_bytes, lag_seconds, open_inferences
from services.monitor.vitals.store import VitalsStore
from shared.db.failures import RETRYABLE, described
from shared.errors import TallygateError
from shared.kafka.failures import RETRYABLE as KAFKA_RETRYABLE

logger = structlog.get_logger(__name__)

_UNREAD: tuple[type[Exception], ...] = (*RETRYABLE, TallygateError)
_WITHIN_S = 2.0  # whoever scrapes waits for ten seconds, and is to hear of all the rest meanwhile


class Measuring:
    def __init__(self, lag: Lag, store: VitalsStore) -> None:
        self._lag = lag
        self._store = store

    async def measure(self) -> None:
        """What cannot be asked now is NaN: the last value would look as if all were well."""
        await asyncio.gather(self._measure_lag(), self._measure_database())

    async def _measure_lag(self) -> None:
        try:
            async with asyncio.timeout(_WITHIN_S):
                await self._lag.seconds()
        except KAFKA_RETRYABLE as error:
            logger.warning("lag.not_measured", reason=type(error).__name__)
            lag_seconds.set(math.nan)

    async def _measure_database(self) -> None:
        try:
            async with asyncio.timeout(_WITHIN_S):
                vitals = await self._store.read()
        except _UNREAD as error:
            reason = error.failure.detail if isinstance(error, TallygateError) else described(error)
            logger.warning("database.not_measured", reason=reason)
            open_inferences.set(math.nan)
            database_bytes.set(math.nan)
        else:
            open_inferences.set(vitals.open_inferences)
            database_bytes.set(vitals.database_bytes)
