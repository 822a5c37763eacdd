"""Read a topic that every instance follows for itself: from its beginning, without a group, for as long as it runs."""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from shared.background import end_task
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import Event
from shared.events.topics import Topic
from shared.kafka.broker import Broker, Consumer

logger = structlog.get_logger(__name__)

_RETRY_S = 1.0
_ASK_TIMEOUT_S = 5.0


class Follower:
    """Gives every event to `on_event`, in the order of its partition. What cannot be read is logged and passed over:
    these topics hold state that is published again, and no work."""

    def __init__(self, broker: Broker, topic: Topic, on_event: Callable[[Event], None]) -> None:
        self._broker = broker
        self._topic = topic
        self._on_event = on_event
        self._partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
        self._consumer: Consumer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when everything that was on the topic has been read."""
        consumer = self._consumer = self._broker.consumer()
        await consumer.start()
        consumer.assign(self._partitions)
        await consumer.seek_to_beginning(*self._partitions)
        for partition, end in (await consumer.end_offsets(self._partitions)).items():
            while await consumer.position(partition) < end:
                await self._read(consumer)
        self._task = asyncio.create_task(self._run(consumer), name=f"follow {self._topic.name}")

    async def stop(self) -> None:
        await end_task(self._task)
        if self._consumer is not None:
            await self._consumer.stop()

    async def caught_up(self) -> bool:
        """Everything that was on the topic when this was asked has been read; False when that cannot be known."""
        if self._consumer is None:
            return False
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                ends = await self._consumer.end_offsets(self._partitions)
                while any([await self._consumer.position(tp) < end for tp, end in ends.items()]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except (KafkaError, TimeoutError):
            return False
        return True

    async def _run(self, consumer: Consumer) -> None:
        while True:
            try:
                await self._read(consumer)
            except KafkaError as error:
                logger.warning("follow.failed", topic=self._topic.name, reason=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _read(self, consumer: Consumer) -> None:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                try:
                    event = decode(self._topic, record.headers, record.value)
                except UnreadableMessageError as error:
                    logger.warning("follow.unreadable", topic=self._topic.name, offset=record.offset, reason=str(error))
                else:
                    self._on_event(event)
