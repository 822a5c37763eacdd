from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.retention.days import (
    DAYS_AHEAD,
    day_of_partition,
    days_to_drop,
    days_to_make,
    first_id,
    keep_from,
    partition_name,
)

TODAY = date(2026, 11, 29)
DAYS = st.dates(date(2000, 1, 1), date(2199, 12, 31))


@given(DAYS, st.integers(0, 86_399_999))
def test_an_id_lies_in_the_day_in_which_it_was_made(day: date, ms: int) -> None:
    made_at = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(milliseconds=ms)
    whole_ms = (made_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    made = UUID(int=whole_ms << 80 | 0x7ABC << 64 | 0x8DEF << 48)
    assert first_id(day) <= made < first_id(day + timedelta(days=1))


@given(DAYS)
def test_the_name_of_a_partition_tells_its_day(day: date) -> None:
    assert day_of_partition("late_words", partition_name("late_words", day)) == day


def test_other_partitions_have_no_day() -> None:
    names = ("attempts_past", "attempts_other", "attempts_foreign", "attempts_2026112")
    assert [day_of_partition("attempts", name) for name in names] == [None] * 4


def test_days_are_made_ahead_once_and_not_where_an_older_table_holds_them() -> None:
    tomorrow = TODAY + timedelta(days=1)
    assert days_to_make([], TODAY, TODAY)[0] == TODAY
    assert len(days_to_make([], TODAY, TODAY)) == DAYS_AHEAD + 1
    assert days_to_make([tomorrow], tomorrow, TODAY)[0] == TODAY + timedelta(days=2)


def test_a_day_is_dropped_when_all_of_it_is_older_than_what_is_kept() -> None:
    now = datetime(2026, 11, 29, 23, 59, tzinfo=UTC)
    kept_from = keep_from(now, 2)
    assert kept_from == datetime(2026, 11, 27, tzinfo=UTC)
    made = [date(2026, 11, day) for day in (28, 27, 26, 25)]
    assert days_to_drop(made, kept_from) == [date(2026, 11, 25), date(2026, 11, 26)]
