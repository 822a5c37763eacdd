"""Asks the database what time it is, at the start and from then on: `shared.clock.utc_now` follows it."""

import time
from contextlib import suppress

from shared import clock
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.db.pool import Pool

_ASK_EVERY_S = 30.0
_LONGEST_ANSWER_S = 1.0  # the time lies somewhere between question and answer


class DatabaseClock(Periodic):
    def __init__(self, pool: Pool) -> None:
        super().__init__("clock", self._ask, _ASK_EVERY_S, RETRYABLE, retry_s=1.0)
        self._pool = pool

    async def start(self) -> None:
        """When the database cannot be asked at once, the machine's clock counts until it can."""
        with suppress(*RETRYABLE):
            await self._ask()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        clock.forget()

    async def _ask(self) -> None:
        asked_s = time.monotonic()
        at = await self._pool.fetchval("SELECT clock_timestamp()")
        answered_s = time.monotonic()
        if answered_s - asked_s > _LONGEST_ANSWER_S:
            raise TimeoutError  # asked again soon; what was told before goes on
        clock.tell(at, (asked_s + answered_s) / 2)
