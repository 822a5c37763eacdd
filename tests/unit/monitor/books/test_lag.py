"""How far the books are behind, whatever times the records say they have."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.monitor.books.lag import Lag
from shared.kafka import TopicPartition

_NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
_PLACE = TopicPartition("t", 0)


class Consumer:
    """One more record waits than was booked."""

    def assignment(self) -> set[TopicPartition]:
        return {_PLACE}

    def highwater(self, _: TopicPartition) -> int:
        return 2


@pytest.mark.parametrize("odd_s", [4e9, 9e15, -1e12, 0.0])
async def test_a_record_of_another_time_does_not_hide_that_the_books_are_behind(odd_s: float) -> None:
    clock = [_NOW]
    lag, consumer = Lag(lambda: clock[0]), Consumer()
    started: Any = consumer
    lag.start(started)

    lag.booked({_PLACE: 1}, odd_s)
    clock[0] = _NOW + timedelta(seconds=30)

    assert await lag.seconds() == 30.0
