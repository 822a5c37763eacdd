"""Read topics that every instance follows for itself: from their beginning, without a group, for as long as it runs."""

import asyncio
import math
from collections.abc import Callable, Mapping

import structlog
from aiokafka import ConsumerRecord, TopicPartition

from shared.background import Background
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import Event
from shared.events.topics import Topic
from shared.kafka.broker import Broker
from shared.kafka.failures import RETRYABLE, described
from shared.kafka.partitions import partitions_of

logger = structlog.get_logger(__name__)

_RETRY_S = 1.0
_ASK_TIMEOUT_S = 5.0
_ASK_EVERY_S = 30.0  # how many partitions the topics have
_FETCH_WAIT_MS = 2000  # at the broker, when there is nothing: partitions that are added meanwhile wait for its end
_TURN_MS = 1000  # after which they are looked for

OnEvent = Callable[[Event], None]


class Follower:
    """Gives every event to its topic's `on_event`, in the order of its partition. What cannot be read is logged and
    passed over: these topics hold state that is published again, and no work.

    Partitions that are added to a topic while it is followed are followed too, from their beginning. One reader for
    all topics of a process: each costs it and the broker as much at rest as all together.
    """

    def __init__(self, broker: Broker, hearers: Mapping[Topic, OnEvent]) -> None:
        self._hearers = {topic.name: (topic, on_event) for topic, on_event in hearers.items()}
        self._name = ", ".join(self._hearers)
        self._admin = broker.admin()
        self._consumer = broker.consumer(fetch_max_wait_ms=_FETCH_WAIT_MS)
        self._asking = broker.consumer()  # the broker answers the reading one only when its fetch has ended
        self._partitions: list[TopicPartition] = []  # that are read
        self._known: list[TopicPartition] = []  # that the broker has
        self._asked_at = -math.inf
        self._following = Background(f"follow {self._name}", self._run)

    async def start(self) -> None:
        """Returns when everything that was on the topics has been read."""
        for client in (self._admin, self._asking, self._consumer):
            await client.start()
        await self._ask()
        await self._assign()
        for partition, end in (await self._asking.end_offsets(self._partitions)).items():
            while await self._consumer.position(partition) < end:
                await self._read()
        await self._following.start()

    async def stop(self) -> None:
        await self._following.stop()
        for client in (self._consumer, self._asking, self._admin):
            await client.stop()

    async def caught_up(self) -> bool:
        """Everything that was on the topics when this was asked has been read; False when that cannot be known."""
        try:
            async with asyncio.timeout(_ASK_TIMEOUT_S):
                await self._ask()
                while self._partitions != self._known:  # noqa: ASYNC110 - the reading task takes them, at its next turn
                    await asyncio.sleep(0.02)
                ends = await self._asking.end_offsets(self._partitions)
                while any([await self._consumer.position(tp) < end for tp, end in ends.items()]):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except RETRYABLE:
            return False
        return True

    async def _run(self) -> None:
        while True:
            try:
                if asyncio.get_running_loop().time() - self._asked_at > _ASK_EVERY_S:
                    await self._ask()
                if self._partitions != self._known:
                    await self._assign()
                await self._read()
            except RETRYABLE as error:
                logger.warning("follow.failed", topics=self._name, reason=described(error))
                await asyncio.sleep(_RETRY_S)
            except Exception:  # who stops following would go on with what it knows by now, and nobody would notice
                logger.exception("follow.failed", topics=self._name)
                await asyncio.sleep(_RETRY_S)

    async def _ask(self) -> None:
        self._known = await partitions_of(self._admin, *self._hearers)
        self._asked_at = asyncio.get_running_loop().time()

    async def _assign(self) -> None:
        """What is read already goes on where it is."""
        reached = {partition: await self._consumer.position(partition) for partition in self._partitions}
        new = [partition for partition in self._known if partition not in reached]
        self._consumer.assign(self._known)
        for partition, position in reached.items():
            self._consumer.seek(partition, position)
        await self._consumer.seek_to_beginning(*new)
        self._partitions = self._known

    async def _read(self) -> None:
        for records in (await self._consumer.getmany(timeout_ms=_TURN_MS)).values():
            for record in records:
                self._hear(record)

    def _hear(self, record: ConsumerRecord) -> None:
        topic, on_event = self._hearers[record.topic]
        try:
            on_event(decode(topic, record.headers, record.value))
        except UnreadableMessageError as error:
            logger.warning("follow.unreadable", topic=topic.name, offset=record.offset, reason=str(error))
        except Exception:  # one event must not end the following of all others
            logger.exception("follow.refused", topic=topic.name, offset=record.offset)
