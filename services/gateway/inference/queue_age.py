"""Measures once a second how long requests wait for a router, and how many; None while that cannot be measured.

At rest one question to the broker is enough for that: where a topic ends at what was claimed of it, nothing waits.
"""

import asyncio
import math
import time
from collections.abc import Mapping

from services.gateway.inference.waiting_room import WaitingRoom
from services.gateway.instruments import queue_age_seconds, queue_length
from shared.background import Periodic
from shared.events.topics import REQUESTS, Topic, router_groups
from shared.kafka import KafkaError, TopicPartition
from shared.kafka.broker import Admin, Broker, Consumer
from shared.kafka.partitions import partitions_of

_EVERY_S = 1.0
_TIMEOUT_S = 5.0
_LOOKS_BEFORE_ALL_IS_ASKED = 30  # how many partitions there are, and what is claimed, which may have been set back


class QueueAge(Periodic):
    def __init__(self, broker: Broker, router_group: str) -> None:
        super().__init__("queue age", self._measure_on, _EVERY_S, (KafkaError, OSError, TimeoutError))
        self._broker = broker
        self._queues = [_Queue(topic, group) for topic, group in router_groups(router_group).items()]

    @property
    def by_topic(self) -> dict[str, float | None]:
        return {queue.topic.name: queue.seconds for queue in self._queues}

    @property
    def seconds(self) -> float | None:
        """Of those that are not bulk: whoever sends bulk lets it wait."""
        return next(queue.seconds for queue in self._queues if queue.topic is REQUESTS)

    async def _measure_on(self) -> None:
        """Measures with its own connections until they fail. Periodic then calls this again, which makes new ones."""
        admin, consumer = self._broker.admin(), self._broker.consumer()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await admin.start()
                await consumer.start()
            while True:
                async with asyncio.timeout(_TIMEOUT_S):
                    partitions = await partitions_of(admin, *(queue.topic.name for queue in self._queues))
                for look in range(_LOOKS_BEFORE_ALL_IS_ASKED):
                    async with asyncio.timeout(_TIMEOUT_S):
                        await self._measure(admin, consumer, partitions, ask_all=look == 0)
                    await asyncio.sleep(_EVERY_S)
        finally:
            for queue in self._queues:
                queue.seconds, queue.waiting = None, None
            await asyncio.gather(consumer.stop(), admin.stop(), return_exceptions=True)

    async def _measure(
        self, admin: Admin, consumer: Consumer, partitions: list[TopicPartition], *, ask_all: bool
    ) -> None:
        now_s = time.monotonic()
        ends = await consumer.end_offsets(partitions)
        for queue in self._queues:
            own = {tp: end for tp, end in ends.items() if tp.topic == queue.topic.name}
            if ask_all or own != queue.claimed:
                queue.claimed = await _claimed(admin, consumer, queue.group, list(own))
            queue.measure(now_s, own)


class _Queue:
    """Of one topic of requests. claimed: by partition the first offset that no router has claimed, as it was when that
    was asked last; None when it could not be told. waiting: how many are claimed by no router."""

    def __init__(self, topic: Topic, group: str) -> None:
        self.topic = topic
        self.group = group
        self.claimed: Mapping[TopicPartition, int] | None = None
        self._room = WaitingRoom()
        self.seconds: float | None = None
        self.waiting: int | None = None
        queue_age_seconds.labels(topic.name).set_function(lambda: math.nan if self.seconds is None else self.seconds)
        queue_length.labels(topic.name).set_function(lambda: math.nan if self.waiting is None else self.waiting)

    def measure(self, now_s: float, ends: Mapping[TopicPartition, int]) -> None:
        self._room.seen(now_s, {tp.partition: end for tp, end in ends.items()})
        if self.claimed is None:
            self.seconds, self.waiting = None, None
            return
        self.seconds = self._room.age_s(now_s, {tp.partition: offset for tp, offset in self.claimed.items()})
        self.waiting = sum(max(0, end - self.claimed.get(tp, 0)) for tp, end in ends.items())


async def _claimed(
    admin: Admin, consumer: Consumer, group: str, partitions: list[TopicPartition]
) -> dict[TopicPartition, int] | None:
    found = await admin.committed(group, partitions)
    if len(found) < len(partitions):
        return None  # as while a broker that has just started loads the group
    claimed = {tp: offset for tp, offset in found.items() if offset is not None}
    never = [tp for tp in partitions if tp not in claimed]
    if never:  # routers will begin where the topic begins
        claimed |= await consumer.beginning_offsets(never)
    return claimed
