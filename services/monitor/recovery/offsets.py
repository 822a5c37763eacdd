"""What the groups have committed, and whether the books are complete up to now."""

import asyncio

from services.monitor.books.handlers import TOPICS as BOOKED
from shared.events.topics import TOPICS, request_partition, router_groups
from shared.kafka.broker import Broker
from shared.kafka.dead_letters.box import LetterCount, counts
from shared.kafka.offsets import first_unread, records_behind, until_read
from shared.kafka.partitions import partitions_of

_WAIT_S = 5.0


class Offsets:
    def __init__(self, broker: Broker, router_group: str, monitor_group: str) -> None:
        self._admin = broker.admin()
        self._consumer = broker.consumer()
        self._router_groups = router_groups(router_group)
        self._monitor_group = monitor_group
        self._letters = [topic.dlq for topic in (*TOPICS, *broker.settings.ingress.topics) if topic.has_dlq]

    async def start(self) -> None:
        await self._admin.start()
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._admin.stop()

    async def of_routers(self) -> dict[int, int]:
        """Per partition of the topics of requests, numbered as in the books, the first offset that no router has
        claimed."""
        claimed: dict[int, int] = {}
        for topic, group in self._router_groups.items():
            unread = await first_unread(self._admin, group, await partitions_of(self._admin, topic.name))
            claimed |= {request_partition(tp.topic, tp.partition): offset for tp, offset in unread.items()}
        return claimed

    async def unclaimed(self) -> dict[str, int]:
        """How many requests no router has claimed yet, by topic."""
        behind = {}
        for topic, group in self._router_groups.items():
            ends = await self._consumer.end_offsets(await partitions_of(self._admin, topic.name))
            behind[topic.name] = await records_behind(self._admin, group, ends)
        return behind

    async def dead_letters(self, since_s: float) -> dict[str, LetterCount]:
        """By dead-letter topic; recent: since then, in seconds since 1970."""
        return await counts(self._admin, self._consumer, self._letters, since_s)

    async def booked_to_the_end(self, within_s: float = _WAIT_S) -> bool:
        """Waits until everything that is on the topics now is booked. False when that takes longer."""
        try:
            async with asyncio.timeout(within_s):
                booked = (topic.name for topic in BOOKED)
                await until_read(self._admin, self._consumer, self._monitor_group, *booked)
                return True
        except TimeoutError:
            return False
