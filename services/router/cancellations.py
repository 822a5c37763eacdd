"""What callers do not want any more: read by every router, remembered for as long as it may matter."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.events import CancelRequested
from shared.events.codec import UnreadableMessageError, decode
from shared.events.settings import KafkaSettings
from shared.events.topics import CANCELLATIONS

logger = structlog.get_logger(__name__)

_REMEMBERED = 100_000
_REMEMBERED_S = 3600.0
_RETRY_S = 1.0


class Cancellations:
    """`on_cancel` is called for each as it comes; `cancelled` tells of those that came before the request did."""

    def __init__(self, settings: KafkaSettings, on_cancel: Callable[[CancelRequested], None]) -> None:
        self._settings = settings
        self._on_cancel = on_cancel
        self._known: OrderedDict[tuple[str, UUID], float] = OrderedDict()
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when everything that was on the topic has been read."""
        consumer = AIOKafkaConsumer(
            **self._settings.connection(), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        self._consumer = consumer
        await consumer.start()
        partitions = [TopicPartition(CANCELLATIONS.name, number) for number in range(CANCELLATIONS.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        for partition, end in (await consumer.end_offsets(partitions)).items():
            while await consumer.position(partition) < end:
                await self._read(consumer)
        self._task = asyncio.create_task(self._run(consumer), name="cancellations")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._consumer is not None:
            await self._consumer.stop()

    def cancelled(self, tenant_id: str, inference_id: UUID) -> bool:
        return (tenant_id, inference_id) in self._known

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            try:
                await self._read(consumer)
            except KafkaError as error:
                logger.warning("cancellations.read_failed", reason=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                try:
                    event = decode(CANCELLATIONS, record.headers, record.value)
                except UnreadableMessageError as error:
                    logger.warning("cancellation.unreadable", offset=record.offset, reason=str(error))
                    continue
                if isinstance(event, CancelRequested):
                    self._remember(event)
                    self._on_cancel(event)

    def _remember(self, event: CancelRequested) -> None:
        now = time.monotonic()
        self._known[(event.tenant_id, event.inference_id)] = now
        while self._known:
            oldest = next(iter(self._known))
            if len(self._known) <= _REMEMBERED and now - self._known[oldest] < _REMEMBERED_S:
                break
            del self._known[oldest]
