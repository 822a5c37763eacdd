"""What is told of days that may be sealed already."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from services.monitor.books.books import day_of, fold
from services.monitor.retention.days import first_id, midnight
from shared.events import new_id
from tests.unit.shared.events.samples import ended, settled, started

TODAY = date(2026, 11, 23)


def test_only_days_before_today_are_told_with_all_their_inferences_in_order() -> None:
    yesterday, today = TODAY - timedelta(days=1), first_id(TODAY)
    ids = [UUID(int=first_id(yesterday).int | 0x7000 << 64 | 0x8000 << 48 | n) for n in (3, 1, 2)]
    now = UUID(int=today.int | 0x7000 << 64 | 0x8000 << 48)
    events = [
        started(inference_id=ids[0], attempt_id=new_id()), ended(inference_id=ids[1], attempt_id=new_id()),
        settled(inference_id=ids[2]), started(inference_id=now, attempt_id=new_id()),
    ]  # fmt: skip
    assert fold(events).late_ids(TODAY) == {yesterday: b"".join(each.bytes for each in sorted(ids))}


@pytest.mark.parametrize(
    ("made_at", "day"),
    [
        (midnight(TODAY) - timedelta(milliseconds=1), TODAY - timedelta(days=1)),
        (midnight(TODAY), None),
        (datetime(1970, 1, 1, tzinfo=UTC), date(1970, 1, 1)),
    ],
)
def test_the_day_is_that_of_the_id(made_at: datetime, day: date | None) -> None:
    assert day_of(UUID(int=round(made_at.timestamp() * 1000) << 80), TODAY) == day


def test_an_id_that_tells_a_time_beyond_all_dates_is_of_no_day() -> None:
    assert day_of(UUID(int=(1 << 128) - 1), TODAY) is None
