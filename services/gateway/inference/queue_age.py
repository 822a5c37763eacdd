"""Measures once a second how long requests wait for a router, and how many; None while that cannot be measured."""

import asyncio
import math
import time

from services.gateway.inference.waiting_room import WaitingRoom
from services.gateway.instruments import queue_age_seconds, queue_length
from shared.background import Periodic
from shared.events.topics import REQUESTS, Topic, router_groups
from shared.kafka import KafkaError, TopicPartition
from shared.kafka.broker import Admin, Broker, Consumer
from shared.kafka.partitions import partitions_of

_EVERY_S = 1.0
_TIMEOUT_S = 5.0


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
                for queue in self._queues:
                    await queue.measure(admin, consumer)
                await asyncio.sleep(_EVERY_S)
        finally:
            for queue in self._queues:
                queue.seconds, queue.waiting = None, None
            await asyncio.gather(consumer.stop(), admin.stop(), return_exceptions=True)


class _Queue:
    """Of one topic of requests. waiting: how many are claimed by no router."""

    def __init__(self, topic: Topic, group: str) -> None:
        self.topic = topic
        self._group = group
        self._room = WaitingRoom()
        self.seconds: float | None = None
        self.waiting: int | None = None
        queue_age_seconds.labels(topic.name).set_function(lambda: math.nan if self.seconds is None else self.seconds)
        queue_length.labels(topic.name).set_function(lambda: math.nan if self.waiting is None else self.waiting)

    async def measure(self, admin: Admin, consumer: Consumer) -> None:
        async with asyncio.timeout(_TIMEOUT_S):
            now_s = time.monotonic()
            partitions = await partitions_of(admin, self.topic.name)
            ends = {tp.partition: end for tp, end in (await consumer.end_offsets(partitions)).items()}
            self._room.seen(now_s, ends)
            claimed = await self._claimed(admin, consumer, partitions)
            if claimed is None:
                self.seconds, self.waiting = None, None
                return
            self.seconds = self._room.age_s(now_s, claimed)
            self.waiting = sum(max(0, end - claimed.get(partition, 0)) for partition, end in ends.items())

    async def _claimed(
        self, admin: Admin, consumer: Consumer, partitions: list[TopicPartition]
    ) -> dict[int, int] | None:
        found = await admin.committed(self._group, partitions)
        if len(found) < len(partitions):
            return None  # as while a broker that has just started loads the group
        claimed = {tp.partition: offset for tp, offset in found.items() if offset is not None}
        never = [tp for tp in partitions if tp.partition not in claimed]
        if never:  # routers will begin where the topic begins
            claimed |= {tp.partition: start for tp, start in (await consumer.beginning_offsets(never)).items()}
        return claimed
