"""Measures once a second how long requests wait for a router. What cannot be measured is not known: None."""

import asyncio
import time

import structlog

from services.gateway.inference.waiting_room import WaitingRoom
from shared.background import end_task
from shared.events.topics import REQUESTS
from shared.kafka import KafkaError, TopicPartition
from shared.kafka.broker import Admin, Broker, Consumer

logger = structlog.get_logger(__name__)

_EVERY_S = 1.0
_TIMEOUT_S = 5.0
_PARTITIONS = [TopicPartition(REQUESTS.name, number) for number in range(REQUESTS.partitions)]


class QueueAge:
    def __init__(self, broker: Broker, router_group: str) -> None:
        self._broker = broker
        self._group = router_group
        self._room = WaitingRoom()
        self._task: asyncio.Task[None] | None = None
        self.seconds: float | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="queue-age")

    async def stop(self) -> None:
        await end_task(self._task)

    async def _run(self) -> None:
        """With connections of its own, made anew when they fail."""
        while True:
            admin, consumer = self._broker.admin(), self._broker.consumer()
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    await admin.start()
                    await consumer.start()
                while True:
                    self.seconds = await self._measure(admin, consumer)
                    await asyncio.sleep(_EVERY_S)
            except (KafkaError, OSError, TimeoutError) as error:
                logger.warning("queue_age.not_read", reason=type(error).__name__)
            finally:
                self.seconds = None
                await asyncio.gather(consumer.stop(), admin.stop(), return_exceptions=True)
            await asyncio.sleep(_EVERY_S)

    async def _measure(self, admin: Admin, consumer: Consumer) -> float | None:
        async with asyncio.timeout(_TIMEOUT_S):
            now_s = time.monotonic()
            ends = await consumer.end_offsets(_PARTITIONS)
            self._room.seen(now_s, {one.partition: end for one, end in ends.items()})
            claimed = await self._claimed(admin, consumer)
            return None if claimed is None else self._room.age_s(now_s, claimed)

    async def _claimed(self, admin: Admin, consumer: Consumer) -> dict[int, int] | None:
        found = await admin.committed(self._group, _PARTITIONS)
        if len(found) < len(_PARTITIONS):
            return None  # as while a broker that has just started loads the group
        claimed = {one.partition: offset for one, offset in found.items() if offset is not None}
        never = [one for one in _PARTITIONS if one.partition not in claimed]
        if never:  # routers will begin where the topic begins
            claimed |= {one.partition: start for one, start in (await consumer.beginning_offsets(never)).items()}
        return claimed
