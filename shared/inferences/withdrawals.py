"""Take back what nobody waits for any more: cancellations that are published in the background until they are acked.

A request of which the ack did not come may be on its topic all the same, as when the broker slept: it would be called
when the broker wakes, for a caller that was told to come again.
"""

import asyncio
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

import structlog

from shared.background import end_task
from shared.errors import TallygateError
from shared.kafka.publisher import Outgoing, Publisher

logger = structlog.get_logger(__name__)

_MOST_WAITING = 10_000
_BATCH = 500
_LAST_WORDS_S = 2.0


class _Withdrawal(NamedTuple):
    cancellation: Outgoing
    until: datetime


class Withdrawals:
    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._waiting: asyncio.Queue[_Withdrawal] = asyncio.Queue(_MOST_WAITING)
        self._task: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """What waits is still published, if the broker takes it at once."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await self._waiting.join()
        await end_task(self._task)

    def withdraw(self, cancellation: Outgoing, until: datetime) -> None:
        """Returns at once. until: from then on the request does no harm, since its own deadline has passed."""
        try:
            self._waiting.put_nowait(_Withdrawal(cancellation, until))
        except asyncio.QueueFull:
            logger.error("withdrawal.dropped", subject=cancellation.event.subject, waiting=_MOST_WAITING)  # noqa: TRY400
        self._run_while_any()

    def _run_while_any(self) -> None:
        if not self._waiting.empty() and (self._task is None or self._task.done()):
            self._task = asyncio.create_task(self._run(), name="withdrawals")

    async def _run(self) -> None:
        while not self._waiting.empty():
            batch = [self._waiting.get_nowait() for _ in range(min(_BATCH, self._waiting.qsize()))]
            try:
                await self._publish(batch)
            except TallygateError as error:
                logger.warning("withdrawals.given_up", reason=error.failure.detail, events=len(batch))
            finally:
                for _ in batch:
                    self._waiting.task_done()

    async def _publish(self, batch: list[_Withdrawal]) -> None:
        until = max(withdrawal.until for withdrawal in batch)
        await self._publisher.publish_until_acked(*(withdrawal.cancellation for withdrawal in batch), until=until)
