"""Measures once a second how long requests wait for a router. What cannot be measured is not known: None."""

import asyncio
import time

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from services.gateway.inference.waiting_room import WaitingRoom
from shared.background import end_task
from shared.events.topics import REQUESTS
from shared.kafka.settings import KafkaSettings

logger = structlog.get_logger(__name__)

_EVERY_S = 1.0
_TIMEOUT_S = 5.0
_PARTITIONS = [TopicPartition(REQUESTS.name, number) for number in range(REQUESTS.partitions)]


class QueueAge:
    def __init__(self, settings: KafkaSettings, router_group: str) -> None:
        self._settings = settings
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
            admin = AIOKafkaAdminClient(**self._settings.connection())
            consumer = AIOKafkaConsumer(**self._settings.connection(), group_id=None)
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
                await asyncio.gather(consumer.stop(), admin.close(), return_exceptions=True)
            await asyncio.sleep(_EVERY_S)

    async def _measure(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> float | None:
        async with asyncio.timeout(_TIMEOUT_S):
            now_s = time.monotonic()
            ends = await consumer.end_offsets(_PARTITIONS)
            self._room.seen(now_s, {one.partition: end for one, end in ends.items()})
            claimed = await self._claimed(admin, consumer)
            return None if claimed is None else self._room.age_s(now_s, claimed)

    async def _claimed(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> dict[int, int] | None:
        found = await admin.list_consumer_group_offsets(self._group, partitions=_PARTITIONS)
        if len(found) < len(_PARTITIONS):
            return (
                None  # the client tells errors of the whole group so, as while a broker that has just started loads it
            )
        claimed = {one.partition: place.offset for one, place in found.items() if place.offset >= 0}
        never = [one for one in _PARTITIONS if one.partition not in claimed]
        if never:  # routers will begin where the topic begins
            claimed |= {one.partition: start for one, start in (await consumer.beginning_offsets(never)).items()}
        return claimed
