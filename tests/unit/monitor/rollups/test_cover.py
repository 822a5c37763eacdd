from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.rollups.cover import Cover, Fresh, cover, whole
from services.monitor.rollups.steps import STEPS, Step, beginning

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


@given(LENGTHS, st.timedeltas(timedelta(0), timedelta(days=40)), FRESH, st.sampled_from(("minute", "hour", "day")))
def test_every_moment_of_a_span_is_counted_once_by_sums_that_are_right(
    length: timedelta, ago: timedelta, fresh: Fresh, largest: Step
) -> None:
    since, until = whole(NOW - ago - length, NOW - ago, LONG_AGO)
    parts = cover(since, until, fresh, largest)
    ordered = spans(parts)
    assert [last for _, last in ordered[:-1]] == [first for first, _ in ordered[1:]]
    assert (ordered[0][0], ordered[-1][1]) == (since, until) == (parts.since, parts.until)
    assert not set(parts.minutes) & set(fresh.minutes)
    assert not set(parts.hours) & set(fresh.hours)
    assert not set(parts.days) & set(fresh.days)
    below = {(beginning(at, "hour"), beginning(at, "day")) for at in fresh.minutes}
    assert not any(hour in parts.hours or day in parts.days for hour, day in below), "what is below is not summed up"
    assert all(first in fresh.minutes or first == since or last == until for first, last in parts.spans)
    assert not parts.days or largest == "day"
    assert not parts.hours or largest != "minute"


@given(LENGTHS)
def test_up_to_an_hour_is_read_exactly_and_more_by_whole_minutes(length: timedelta) -> None:
    exact = length <= timedelta(hours=1)
    since, until = NOW - length, NOW
    widened = beginning(since, "minute"), beginning(until, "minute") + STEPS["minute"]
    assert whole(since, until, LONG_AGO) == ((since, until) if exact else widened)


def test_a_span_within_one_minute_is_read_from_the_books() -> None:
    since, until = NOW - timedelta(seconds=30), NOW - timedelta(seconds=10)
    assert cover(since, until, ALL_SUMMED_UP) == Cover(since, until, spans=[(since, until)])


def test_thirty_days_are_a_few_sums() -> None:
    parts = cover(*whole(NOW - timedelta(days=30), NOW, LONG_AGO), ALL_SUMMED_UP)
    assert (len(parts.days), len(parts.hours), len(parts.minutes), parts.spans) == (29, 11 + 12, 26 + 35, [])


def test_a_span_of_what_is_no_longer_kept_needs_no_minute_of_that_time() -> None:
    kept_from = datetime(2026, 11, 20, tzinfo=UTC)
    parts = cover(*whole(NOW - timedelta(days=30), NOW - timedelta(days=20), kept_from), ALL_SUMMED_UP)
    assert (parts.minutes, parts.spans) == ([], [])
    ordered = spans(parts)
    assert ordered[0][0] == beginning(NOW - timedelta(days=30), "hour")
    assert ordered[-1][1] == beginning(NOW - timedelta(days=20), "hour") + STEPS["hour"]
