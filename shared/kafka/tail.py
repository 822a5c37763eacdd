"""Hear what is said on a topic from now on, without a group: for people who watch, not for work. What is said while the
broker cannot be reached is heard afterwards; nothing is kept of what was heard.
"""

import asyncio
from collections.abc import Callable, Sequence

import structlog
from aiokafka import ConsumerRecord, TopicPartition

from shared.background import Background
from shared.events.topics import Topic
from shared.kafka.broker import Broker
from shared.kafka.failures import RETRYABLE, described
from shared.kafka.partitions import partitions_of

logger = structlog.get_logger(__name__)

_RETRY_S = 1.0
_TURN_MS = 1000
_ASK_EVERY_TURNS = 30  # how many partitions the topic has; each turn takes a second when nothing is said

OnRecords = Callable[[Sequence[ConsumerRecord]], None]


class Tail:
    """on_records: is called with what has come, and must not raise."""

    def __init__(self, broker: Broker, topic: Topic, on_records: OnRecords) -> None:
        self._topic = topic.name
        self._on_records = on_records
        self._admin = broker.admin()
        self._consumer = broker.consumer(reset="latest")
        self._partitions: list[TopicPartition] = []
        self._reading = Background(f"tail {topic.name}", self._read)

    async def start(self) -> None:
        """What is said after this is heard. Raises KafkaError."""
        try:
            await self._admin.start()
            await self._consumer.start()
            await self._assign()
        except BaseException:
            await self.stop()
            raise
        await self._reading.start()

    async def stop(self) -> None:
        await self._reading.stop()
        await self._consumer.stop()
        await self._admin.stop()

    async def _assign(self) -> None:
        """Partitions that were added since are heard from their beginning."""
        known = await partitions_of(self._admin, self._topic)
        if known == self._partitions:
            return
        reached = {partition: await self._consumer.position(partition) for partition in self._partitions}
        ends = await self._consumer.end_offsets(known) if not reached else {}
        self._consumer.assign(known)
        for partition in known:
            self._consumer.seek(partition, reached.get(partition, ends.get(partition, 0)))
        self._partitions = known

    async def _read(self) -> None:
        turns = 0
        while True:
            try:
                turns += 1
                if turns % _ASK_EVERY_TURNS == 0:
                    await self._assign()
                for records in (await self._consumer.getmany(timeout_ms=_TURN_MS)).values():
                    self._on_records(records)
            except RETRYABLE as error:
                logger.warning("tail.failed", topic=self._topic, reason=described(error))
                await asyncio.sleep(_RETRY_S)
