"""The loop that hands the records of a group's member to a handler, by the rules of `shared/kafka/subscriber.py`."""

import asyncio
from contextlib import suppress
from itertools import chain
from typing import Any

import structlog
from aiokafka.errors import ConsumerStoppedError, KafkaError

from shared.background import end_task
from shared.kafka.broker import Handler
from shared.kafka.local.consumer import LocalConsumer
from shared.kafka.local.process import Process
from shared.kafka.stopping import Stop, until_it_fails

logger = structlog.get_logger(__name__)

_AFTER_AN_ERROR_S = 5.0  # FastStream's


class LocalSubscription:
    def __init__(
        self, process: Process, consumer: LocalConsumer, handler: Handler, stop: Stop, graceful_timeout_s: float,
        batch: int | None, gather_s: float,
    ) -> None:  # fmt: skip
        self._process = process
        self._consumer = consumer
        self._handler = until_it_fails(handler, stop)
        self._graceful_timeout_s = graceful_timeout_s
        self._batch = batch
        self._gather_s = gather_s
        self._running = True
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> LocalConsumer:
        await self._consumer.start()
        self._task = self._process.run(self._run())
        return self._consumer

    async def stop(self) -> None:
        self._running = False
        with suppress(TimeoutError):
            async with asyncio.timeout(self._graceful_timeout_s):
                await self._idle.wait()
        await end_task(self._task)
        await self._consumer.stop()

    async def _run(self) -> None:
        while self._running:
            try:
                records = await self._next()
            except ConsumerStoppedError:
                return
            except KafkaError as error:
                logger.warning("subscription.read_failed", reason=type(error).__name__)
                await asyncio.sleep(_AFTER_AN_ERROR_S)
            else:
                await self._hand_over(records)
                if self._batch is not None and len(records) < self._batch:
                    await self._process.pause(self._gather_s)

    async def _next(self) -> Any:
        if self._batch is None:
            return await self._consumer.getone()
        found = await self._consumer.poll((), None, self._batch)
        return tuple(chain.from_iterable(found.values()))

    async def _hand_over(self, records: Any) -> None:
        if not records or not self._running:
            return
        self._idle.clear()
        try:
            await self._handler(records)
        finally:
            self._idle.set()
