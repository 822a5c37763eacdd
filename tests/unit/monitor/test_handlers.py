"""The monitor stops at the limit of dead letters, and commits what it has dealt with until then."""

from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from services.monitor.handlers import BookingHandler
from services.monitor.lag import Lag
from shared.events.dead_letter_limit import DeadLetterLimit, DeadLetterLimitError
from shared.events.topics import OUTCOMES
from tests.unit.shared.events.records import record
from tests.unit.shared.events.samples import settled

PARTITION = TopicPartition(OUTCOMES.name, 3)


class Publisher:
    def __init__(self, most: int) -> None:
        self.dead_letter_limit = DeadLetterLimit(most)
        self.dead_letter_limit.learn(OUTCOMES.name, 0, 0.0)
        self.sent = 0

    async def send_raw(self, *_: Any) -> None:
        self.sent += 1


class Consumer:
    def __init__(self) -> None:
        self.committed: list[dict[TopicPartition, int]] = []

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed.append(offsets)


class Store:
    """Books nothing but an empty batch, as a database that refuses the events."""

    def __init__(self, *, refuses: bool) -> None:
        self._refuses = refuses

    async def book(self, books: Any, _now: Any) -> int:
        if self._refuses and books.words:
            raise ValueError("refused")
        return 0


@pytest.mark.parametrize("refused_by", ["decoder", "database"])
async def test_what_came_before_the_limit_is_committed(refused_by: str) -> None:
    publisher, consumer = Publisher(2), Consumer()
    handler = BookingHandler(Store(refuses=refused_by == "database"), publisher, Lag())  # type: ignore[arg-type]
    handler.start(consumer)

    with pytest.raises(DeadLetterLimitError):
        await handler.on_batch([_record(offset, readable=refused_by == "database") for offset in range(10, 15)])

    assert publisher.sent == 2
    assert consumer.committed == [{PARTITION: 12}]


async def test_at_the_limit_nothing_is_committed() -> None:
    publisher, consumer = Publisher(1), Consumer()
    publisher.dead_letter_limit.learn(OUTCOMES.name, 1, 1e12)
    handler = BookingHandler(Store(refuses=False), publisher, Lag())  # type: ignore[arg-type]
    handler.start(consumer)

    with pytest.raises(DeadLetterLimitError):
        await handler.on_batch([_record(10, readable=False)])

    assert (publisher.sent, consumer.committed) == (0, [])


def _record(offset: int, *, readable: bool) -> ConsumerRecord:
    event = settled()
    headers = tuple(event.headers("test", None)) if readable else ()
    return record(OUTCOMES.name, event.encoded() if readable else b"garbage", headers=headers, offset=offset)
