"""Events are kept before they are committed, and one that cannot be kept holds up no other."""

from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from shared.events import InferenceEvent
from shared.events.topics import OUTCOMES
from shared.kafka.dead_letter_limit import DeadLetterLimit, DeadLetterLimitError
from shared.kafka.keeper import Heard, Keeper
from tests.unit.shared.events.samples import settled
from tests.unit.shared.kafka.records import record

PARTITION = TopicPartition(OUTCOMES.name, 3)


class Publisher:
    def __init__(self, most: int) -> None:
        self.dead_letter_limit = DeadLetterLimit(most)
        self.dead_letter_limit.learn(OUTCOMES.name, 0, 0.0)
        self.sent: list[bytes] = []

    async def send_raw(self, _topic: str, value: bytes, *_: Any) -> None:
        self.sent.append(value)


class Consumer:
    def __init__(self) -> None:
        self.committed: list[dict[TopicPartition, int]] = []

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        self.committed.append(offsets)


class Database:
    """Refuses the records of some offsets, with all that come in one transaction with them."""

    def __init__(self, consumer: Consumer, *, refuses: Sequence[int] = (), away: int = 0) -> None:
        self.kept: list[int] = []
        self.committed_before: list[int] = []
        self._consumer = consumer
        self._refuses = refuses
        self._away = away

    async def keep(self, heard: Sequence[Heard[InferenceEvent]]) -> None:
        self._away -= 1
        if self._away >= 0:
            raise ConnectionRefusedError
        offsets = [one.record.offset for one in heard]
        if not set(offsets).isdisjoint(self._refuses):
            raise ValueError("refused")
        self.kept += offsets
        self.committed_before.append(len(self._consumer.committed))


def _keeper(database: Database, publisher: Publisher, consumer: Consumer) -> Keeper[InferenceEvent]:
    keeper = Keeper((OUTCOMES,), InferenceEvent, database.keep, publisher)  # type: ignore[arg-type]
    keeper.start(consumer)
    return keeper


async def test_a_batch_is_kept_and_then_committed() -> None:
    publisher, consumer = Publisher(0), Consumer()
    database = Database(consumer)

    await _keeper(database, publisher, consumer).on_batch([_record(10), _record(11)])

    assert (database.kept, database.committed_before) == ([10, 11], [0])
    assert consumer.committed == [{PARTITION: 12}]


async def test_what_is_refused_or_unreadable_is_a_dead_letter_and_the_others_are_kept() -> None:
    publisher, consumer = Publisher(0), Consumer()
    database = Database(consumer, refuses=(11,))
    records = [_record(10), _record(11), _record(12, readable=False), _record(13)]

    await _keeper(database, publisher, consumer).on_batch(records)

    assert database.kept == [10, 13]
    assert publisher.sent == [b"garbage", records[1].value]
    assert consumer.committed == [{PARTITION: 14}]


async def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.kafka.keeper._RETRY_S", 0.0)
    publisher, consumer = Publisher(0), Consumer()
    database = Database(consumer, away=3)

    await _keeper(database, publisher, consumer).on_batch([_record(10)])

    assert (database.kept, publisher.sent) == ([10], [])
    assert consumer.committed == [{PARTITION: 11}]


@pytest.mark.parametrize("refused_by", ["decoder", "database"])
async def test_what_came_before_the_limit_is_committed(refused_by: str) -> None:
    publisher, consumer = Publisher(2), Consumer()
    database = Database(consumer, refuses=range(100))

    with pytest.raises(DeadLetterLimitError):
        await _keeper(database, publisher, consumer).on_batch(
            [_record(offset, readable=refused_by == "database") for offset in range(10, 15)]
        )

    assert len(publisher.sent) == 2
    assert consumer.committed == [{PARTITION: 12}]


async def test_at_the_limit_nothing_is_committed() -> None:
    publisher, consumer = Publisher(1), Consumer()
    publisher.dead_letter_limit.learn(OUTCOMES.name, 1, 1e12)

    with pytest.raises(DeadLetterLimitError):
        await _keeper(Database(consumer), publisher, consumer).on_batch([_record(10, readable=False)])

    assert (publisher.sent, consumer.committed) == ([], [])


def _record(offset: int, *, readable: bool = True) -> ConsumerRecord:
    event = settled()
    headers = tuple(event.headers("test", None)) if readable else ()
    return record(OUTCOMES.name, event.encoded() if readable else b"garbage", headers=headers, offset=offset)
