"""Which days are to be sealed now."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.monitor.proof.due import LATE_EVERY, days_due
from services.monitor.retention.days import midnight

AFTER = timedelta(minutes=15)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
FIRST, SECOND, TODAY = (date(2026, 11, day) for day in (21, 22, 23))
NOW = midnight(TODAY) + timedelta(hours=12)


@pytest.mark.parametrize(
    ("at", "days"),
    [
        (midnight(TODAY) - timedelta(seconds=1), [FIRST]),
        (midnight(TODAY) + AFTER - timedelta(seconds=1), [FIRST]),
        (midnight(TODAY) + AFTER, [FIRST, SECOND]),
    ],
)
def test_every_day_is_sealed_a_while_after_it_is_over(at: datetime, days: list[date]) -> None:
    assert days_due(FIRST, {}, frozenset(), LONG_AGO, at, AFTER) == days


def test_books_without_a_row_have_no_day() -> None:
    assert days_due(None, {}, frozenset(), LONG_AGO, NOW, AFTER) == []


def test_days_that_are_no_longer_kept_are_not_sealed() -> None:
    assert days_due(FIRST, {}, frozenset({FIRST}), midnight(SECOND), NOW, AFTER) == [SECOND]


def test_a_day_that_was_sealed_before_its_end_is_sealed_at_its_end() -> None:
    sealed = {FIRST: midnight(TODAY), SECOND: midnight(TODAY) + AFTER - timedelta(seconds=1)}
    assert days_due(None, sealed, frozenset(), LONG_AGO, NOW, AFTER) == [SECOND]


def test_what_was_booked_late_is_sealed_once_in_a_while() -> None:
    sealed = {FIRST: NOW - LATE_EVERY, SECOND: NOW - LATE_EVERY + timedelta(seconds=1)}
    assert days_due(FIRST, sealed, frozenset({FIRST, SECOND}), LONG_AGO, NOW, AFTER) == [FIRST]
    assert days_due(FIRST, sealed, frozenset({SECOND}), LONG_AGO, NOW, AFTER) == []
