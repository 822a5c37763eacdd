"""What the groups have committed, and whether the books are complete up to now."""

import asyncio

from shared.events.topics import ATTEMPTS, OUTCOMES, REQUESTS, Topic
from shared.kafka import TopicPartition
from shared.kafka.broker import Broker
from shared.kafka.offsets import first_unread, records_behind

_WAIT_S = 5.0
_ASK_EVERY_S = 0.05


class Offsets:
    def __init__(self, broker: Broker, router_group: str, monitor_group: str) -> None:
        self._admin = broker.admin()
        self._consumer = broker.consumer()
        self._router_group = router_group
        self._monitor_group = monitor_group

    async def start(self) -> None:
        await self._admin.start()
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()
        await self._admin.stop()

    async def of_routers(self) -> dict[int, int]:
        """Per partition of the request topic, the first offset that no router has claimed."""
        unread = await first_unread(self._admin, self._router_group, _partitions(REQUESTS))
        return {tp.partition: offset for tp, offset in unread.items()}

    async def booked_to_the_end(self) -> bool:
        """Waits until everything that is on the topics now is booked. False when that takes longer than _WAIT_S."""
        try:
            async with asyncio.timeout(_WAIT_S):
                ends = await self._consumer.end_offsets([*_partitions(ATTEMPTS), *_partitions(OUTCOMES)])
                while await records_behind(self._admin, self._monitor_group, ends):  # noqa: ASYNC110 - nothing signals it
                    await asyncio.sleep(_ASK_EVERY_S)
                return True
        except TimeoutError:
            return False


def _partitions(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]
