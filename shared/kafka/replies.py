"""Read one partition of the reply topic by assignment, without a group.

A reader keeps only what carries its own ids, so two readers of one partition are both correct.
"""

import asyncio
import zlib
from collections.abc import Callable

import structlog
from aiokafka import ConsumerRecord, TopicPartition

from shared.background import end_task
from shared.events.topics import REPLIES
from shared.kafka.broker import Broker, Consumer
from shared.kafka.failures import RETRYABLE, described

logger = structlog.get_logger(__name__)

_MAX_RECORDS = 500
_RETRY_S = 1.0
_WAIT_MS = 5000  # for the next reply, at the broker and here


class ReplyReader:
    """Calls `on_record` for every reply on the partition, in order, from the moment that `start` returned."""

    def __init__(self, broker: Broker, partition: int, on_record: Callable[[ConsumerRecord], None]) -> None:
        self._broker = broker
        self._partition = TopicPartition(REPLIES.name, partition)
        self._on_record = on_record
        self._consumer: Consumer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._consumer = self._broker.consumer(reset="latest", fetch_max_wait_ms=_WAIT_MS)
        await self._consumer.start()
        self._consumer.assign([self._partition])
        await self._consumer.seek_to_end(self._partition)
        # "latest" is resolved lazily: without this, a reply that comes before the first fetch would be skipped.
        await self._consumer.position(self._partition)
        self._task = asyncio.create_task(self._read(self._consumer), name="replies")

    async def stop(self) -> None:
        await end_task(self._task)
        if self._consumer is not None:
            await self._consumer.stop()

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()

    async def _read(self, consumer: Consumer) -> None:
        while True:
            try:
                batches = await consumer.getmany(timeout_ms=_WAIT_MS, max_records=_MAX_RECORDS)
            except RETRYABLE as error:
                logger.warning("replies.read_failed", reason=described(error))
                await asyncio.sleep(_RETRY_S)
                continue
            for records in batches.values():
                for record in records:
                    self._hand_over(record)

    def _hand_over(self, record: ConsumerRecord) -> None:
        try:
            self._on_record(record)
        except Exception:  # one reply must not end the reading of all others
            logger.exception("replies.refused", offset=record.offset)


def partition_of(instance: str) -> int:
    """A partition for an instance that was given none; the same instance always gets the same one."""
    return zlib.crc32(instance.encode()) % REPLIES.partitions
