"""Read a topic that every instance follows for itself: from its beginning, without a group, for as long as it runs."""

import asyncio
import math
from collections.abc import Callable

import structlog
from aiokafka import TopicPartition

from shared.background import Background
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import Event
from shared.events.topics import Topic
from shared.kafka.broker import Broker, Consumer
from shared.kafka.failures import RETRYABLE, described
from shared.kafka.partitions import partitions_of

logger = structlog.get_logger(__name__)

_RETRY_S = 1.0
_ASK_TIMEOUT_S = 5.0
_ASK_EVERY_S = 30.0  # how many partitions the topic has


class Follower:
    """Gives every event to `on_event`, in the order of its partition. What cannot be read is logged and passed over:
    these topics hold state that is published again, and no work.

    Partitions that are added to the topic while it is followed are followed too, from their beginning.
    """

    def __init__(self, broker: Broker, topic: Topic, on_event: Callable[[Event], None]) -> None:
        self._broker = broker
        self._topic = topic
        self._on_event = on_event
        self._admin = broker.admin()
        self._partitions: list[TopicPartition] = []  # that are read
        self._known: list[TopicPartition] = []  # that the broker has
        self._asked_at = -math.inf
        self._consumer: Consumer | None = None
        self._following: Background | None = None

    async def start(self) -> None:
        """Returns when everything that was on the topic has been read."""
        await self._admin.start()
        consumer = self._consumer = self._broker.consumer()
        await consumer.start()
        await self._ask()
        await self._assign(consumer)
        for partition, end in (await consumer.end_offsets(self._partitions)).items():
            while await consumer.position(partition) < end:
                await self._read(consumer)
        self._following = Background(f"follow {self._topic.name}", lambda: self._run(consumer))
        await self._following.start()

    async def stop(self) -> None:
        if self._following is not None:
            await self._following.stop()
        if self._consumer is not None:
            await self._consumer.stop()
        await self._admin.stop()

    async def caught_up(self) -> bool:
        """Everything that was on the topic when this was asked has been read; False when that cannot be known."""
        if self._consumer is None:
            return False
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                await self._ask()
                while self._partitions != self._known:  # noqa: ASYNC110 - the reading task takes them, at its next turn
                    await asyncio.sleep(0.02)
                ends = await self._consumer.end_offsets(self._partitions)
                while any([await self._consumer.position(tp) < end for tp, end in ends.items()]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except RETRYABLE:
            return False
        return True

    async def _run(self, consumer: Consumer) -> None:
        while True:
            try:
                if asyncio.get_running_loop().time() - self._asked_at > _ASK_EVERY_S:
                    await self._ask()
                if self._partitions != self._known:
                    await self._assign(consumer)
                await self._read(consumer)
            except RETRYABLE as error:
                logger.warning("follow.failed", topic=self._topic.name, reason=described(error))
                await asyncio.sleep(_RETRY_S)
            except Exception:  # who stops following would go on with what it knows by now, and nobody would notice
                logger.exception("follow.failed", topic=self._topic.name)
                await asyncio.sleep(_RETRY_S)

    async def _ask(self) -> None:
        self._known = await partitions_of(self._admin, self._topic.name)
        self._asked_at = asyncio.get_running_loop().time()

    async def _assign(self, consumer: Consumer) -> None:
        """What is read already goes on where it is."""
        reached = {partition: await consumer.position(partition) for partition in self._partitions}
        new = [partition for partition in self._known if partition not in reached]
        consumer.assign(self._known)
        for partition, position in reached.items():
            consumer.seek(partition, position)
        await consumer.seek_to_beginning(*new)
        self._partitions = self._known

    async def _read(self, consumer: Consumer) -> None:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                try:
                    event = decode(self._topic, record.headers, record.value)
                except UnreadableMessageError as error:
                    logger.warning("follow.unreadable", topic=self._topic.name, offset=record.offset, reason=str(error))
                else:
                    self._hand_over(event, record.offset)

    def _hand_over(self, event: Event, offset: int) -> None:
        try:
            self._on_event(event)
        except Exception:  # one event must not end the following of all others
            logger.exception("follow.refused", topic=self._topic.name, offset=offset)
