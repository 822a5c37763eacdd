"""Measures once a second how long requests wait for a router; None while that cannot be measured."""

import asyncio
import math
import time

from services.gateway.inference.waiting_room import WaitingRoom
from services.gateway.instruments import queue_age_seconds
from shared.background import Periodic
from shared.events.topics import REQUESTS
from shared.kafka import KafkaError, TopicPartition
from shared.kafka.broker import Admin, Broker, Consumer
from shared.kafka.partitions import partitions_of

_EVERY_S = 1.0
_TIMEOUT_S = 5.0


class QueueAge(Periodic):
    def __init__(self, broker: Broker, router_group: str) -> None:
        super().__init__("queue age", self._measure_on, _EVERY_S, (KafkaError, OSError, TimeoutError))
        self._broker = broker
        self._group = router_group
        self._room = WaitingRoom()
        self.seconds: float | None = None
        queue_age_seconds.set_function(lambda: math.nan if self.seconds is None else self.seconds)

    async def _measure_on(self) -> None:
        """Measures with its own connections until they fail. Periodic then calls this again, which makes new ones."""
        admin, consumer = self._broker.admin(), self._broker.consumer()
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                await admin.start()
                await consumer.start()
            while True:
                self.seconds = await self._measure(admin, consumer)
                await asyncio.sleep(_EVERY_S)
        finally:
            self.seconds = None
            await asyncio.gather(consumer.stop(), admin.stop(), return_exceptions=True)

    async def _measure(self, admin: Admin, consumer: Consumer) -> float | None:
        async with asyncio.timeout(_TIMEOUT_S):
            now_s = time.monotonic()
            partitions = await partitions_of(admin, REQUESTS.name)
            ends = await consumer.end_offsets(partitions)
            self._room.seen(now_s, {tp.partition: end for tp, end in ends.items()})
            claimed = await self._claimed(admin, consumer, partitions)
            return None if claimed is None else self._room.age_s(now_s, claimed)

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
