"""How far the books are behind: zero when everything on the topics is booked."""

from services.monitor.instruments import lag_seconds
from shared.events import Now, utc_now
from shared.kafka import TopicPartition
from shared.kafka.broker import Consumer


class Lag:
    def __init__(self, now: Now = utc_now) -> None:
        self._now = now
        self._newest_s = now().timestamp()  # when the newest booked event was published
        self._booked: dict[TopicPartition, int] = {}
        self._consumer: Consumer | None = None

    def start(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def booked(self, offsets: dict[TopicPartition, int], published_s: float) -> None:
        self._booked.update(offsets)
        # A producer chooses the times of its records: one in the future would hide for ever that the books are behind.
        self._newest_s = max(self._newest_s, min(published_s, self._now().timestamp()))

    async def seconds(self) -> float:
        """Age of the newest booked event while others wait, otherwise 0."""
        behind = max(0.0, self._now().timestamp() - self._newest_s) if await self._events_wait() else 0.0
        lag_seconds.set(behind)
        return behind

    async def _events_wait(self) -> bool:
        if self._consumer is None:
            return True
        for partition in self._consumer.assignment():
            end = self._consumer.highwater(partition)
            if end is None:
                continue
            booked = self._booked.get(partition)
            if (await self._consumer.position(partition) if booked is None else booked) < end:
                return True
        return False
