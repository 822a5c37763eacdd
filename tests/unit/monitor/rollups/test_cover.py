from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.rollups.cover import Cover, Fresh, cover
from services.monitor.rollups.steps import STEPS, beginning

NOW = datetime(2026, 11, 23, 12, 34, 56, 789, UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ALL_SUMMED_UP = Fresh((), (), ())

Span = tuple[datetime, datetime]


def spans(parts: Cover) -> list[Span]:
    """All parts, by their beginnings."""
    days = [(at, at + STEPS["day"]) for at in parts.days]
    hours = [(at, at + STEPS["hour"]) for at in parts.hours]
    minutes = [(at, at + STEPS["minute"]) for at in parts.minutes]
    return sorted(days + hours + minutes + parts.spans)


FRESH = st.builds(
    Fresh,
    st.frozensets(st.integers(0, 3000).map(lambda n: beginning(NOW, "minute") - n * STEPS["minute"]), max_size=5),
    st.frozensets(st.integers(0, 80).map(lambda n: beginning(NOW, "hour") - n * STEPS["hour"]), max_size=5),
    st.frozensets(st.integers(0, 40).map(lambda n: beginning(NOW, "day") - n * STEPS["day"]), max_size=5),
)
LENGTHS = st.timedeltas(timedelta(seconds=1), timedelta(days=40))


@given(LENGTHS, FRESH)
def test_every_moment_of_a_span_is_counted_once_by_sums_that_are_right(length: timedelta, fresh: Fresh) -> None:
    parts = cover(NOW - length, NOW, fresh, LONG_AGO)
    ordered = spans(parts)
    assert [last for _, last in ordered[:-1]] == [first for first, _ in ordered[1:]]
    exact = length <= timedelta(hours=1)
    assert ordered[0][0] == (NOW - length if exact else beginning(NOW - length, "minute"))
    assert ordered[-1][1] == beginning(NOW, "minute") + STEPS["minute"]
    assert not set(parts.minutes) & set(fresh.minutes)
    assert not set(parts.hours) & set(fresh.hours)
    assert not set(parts.days) & set(fresh.days)
    below = {(beginning(at, "hour"), beginning(at, "day")) for at in fresh.minutes}
    assert not any(hour in parts.hours or day in parts.days for hour, day in below), "what is below is not summed up"
    assert all(first in fresh.minutes or first == ordered[0][0] for first, _ in parts.spans)


def test_thirty_days_are_a_few_sums() -> None:
    parts = cover(NOW - timedelta(days=30), NOW, ALL_SUMMED_UP, LONG_AGO)
    assert (len(parts.days), len(parts.hours), len(parts.minutes), parts.spans) == (29, 11 + 12, 26 + 35, [])


def test_a_span_that_begins_before_what_is_kept_needs_no_minute_of_that_time() -> None:
    kept_from = datetime(2026, 11, 20, tzinfo=UTC)
    parts = cover(NOW - timedelta(days=30), NOW, ALL_SUMMED_UP, kept_from)
    assert min(parts.minutes) > kept_from
    assert parts.spans == []
    assert spans(parts)[0][0] == beginning(NOW - timedelta(days=30), "hour")
