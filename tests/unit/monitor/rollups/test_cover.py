from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.rollups.cover import Cover, Fresh, cover, whole
from services.monitor.rollups.steps import MINUTE, STEPS, Step, beginning, end, following
from services.monitor.slices import SLICE

NOW = datetime(2026, 11, 23, 12, 34, 56, 789, UTC)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
ALL_SUMMED_UP: Fresh = dict.fromkeys(STEPS, ())

Span = tuple[datetime, datetime]


def spans(parts: Cover) -> list[Span]:
    """All parts, by their beginnings."""
    sums = [(at, following(at, step)) for step in STEPS for at in parts.sums[step]]
    return sorted(sums + [(at, at + SLICE) for at in parts.slices] + parts.spans)


def ago(step: Step, most: int) -> st.SearchStrategy[frozenset[datetime]]:
    """Beginnings of steps that began up to so many hours ago."""
    return st.frozensets(st.integers(0, most).map(lambda n: beginning(NOW - n * timedelta(hours=1), step)), max_size=5)


FRESH = st.fixed_dictionaries({
    "minute": st.frozensets(st.integers(0, 3000).map(lambda n: beginning(NOW, "minute") - n * MINUTE), max_size=5),
    "hour": ago("hour", 80), "day": ago("day", 40 * 24), "month": ago("month", 90 * 24),
})  # fmt: skip


def lengths_up_to(days: int) -> st.SearchStrategy[timedelta]:
    return st.timedeltas(timedelta(seconds=1), timedelta(days=days))


# A series by minute has as many points as it may have after a week: nobody asks for the minutes of more.
ASKED = st.one_of(
    st.tuples(st.just("minute"), lengths_up_to(7)),
    st.tuples(st.sampled_from(("hour", "day", "month")), lengths_up_to(100)),
)


TOUCHED = st.frozensets(st.integers(0, MINUTE // SLICE - 1), max_size=3)  # slices of a minute, by their number


@given(ASKED, st.timedeltas(timedelta(0), timedelta(days=40)), FRESH, st.lists(TOUCHED, max_size=5))
def test_every_moment_of_a_span_is_counted_once_by_sums_that_are_right(
    asked: tuple[Step, timedelta], ago: timedelta, fresh: Fresh, of_sliced: list[frozenset[int]]
) -> None:
    largest, length = asked
    since, until = whole(NOW - ago - length, NOW - ago, LONG_AGO)
    of_minutes = zip(sorted(fresh["minute"]), of_sliced, strict=False)
    sliced = {at: {at + number * SLICE for number in touched} for at, touched in of_minutes}
    parts = cover(since, until, fresh, largest, sliced)
    ordered = spans(parts)
    assert [last for _, last in ordered[:-1]] == [first for first, _ in ordered[1:]]
    assert (ordered[0][0], ordered[-1][1]) == (since, until) == (parts.since, parts.until)
    for number, step in enumerate(STEPS):
        below = {beginning(at, step) for lower in STEPS[: number + 1] for at in fresh[lower]}
        assert not set(parts.sums[step]) & below, "of what is not summed up there is no sum"
        assert not parts.sums[step] or number <= STEPS.index(largest)
    within = [span for span in parts.spans if span[0] != since and span[1] != until]
    for first, last in within:
        minute = beginning(first, "minute")
        assert minute in fresh["minute"]
        assert (minute in sliced) == (last - first == SLICE), "of a sliced minute no more than slices are counted"
    assert not {at for touched in sliced.values() for at in touched} & set(parts.slices)


@given(lengths_up_to(40))
def test_up_to_an_hour_is_read_exactly_and_more_by_whole_minutes(length: timedelta) -> None:
    exact = length <= timedelta(hours=1)
    since, until = NOW - length, NOW
    widened = beginning(since, "minute"), beginning(until, "minute") + MINUTE
    assert whole(since, until, LONG_AGO) == ((since, until) if exact else widened)


def test_a_span_within_one_minute_is_read_from_the_books() -> None:
    since, until = NOW - timedelta(seconds=30), NOW - timedelta(seconds=10)
    assert cover(since, until, ALL_SUMMED_UP) == Cover(since, until, spans=[(since, until)])


def lengths(parts: Cover) -> tuple[int, ...]:
    return tuple(len(parts.sums[step]) for step in STEPS)


def test_thirty_days_are_a_few_sums() -> None:
    parts = cover(*whole(NOW - timedelta(days=30), NOW, LONG_AGO), ALL_SUMMED_UP)
    assert (lengths(parts), parts.spans) == ((26 + 35, 11 + 12, 29, 0), [])


def test_more_than_a_year_is_not_many_more() -> None:
    parts = cover(*whole(NOW - timedelta(days=400), NOW, LONG_AGO), ALL_SUMMED_UP)
    assert (lengths(parts), parts.spans) == ((26 + 35, 11 + 12, 12 + 22, 12), [])


def test_a_span_of_what_is_no_longer_kept_needs_no_minute_of_that_time() -> None:
    kept_from = datetime(2026, 11, 20, tzinfo=UTC)
    parts = cover(*whole(NOW - timedelta(days=30), NOW - timedelta(days=20), kept_from), ALL_SUMMED_UP)
    assert (parts.sums["minute"], parts.spans) == ([], [])
    ordered = spans(parts)
    assert ordered[0][0] == beginning(NOW - timedelta(days=30), "hour")
    assert ordered[-1][1] == end(NOW - timedelta(days=20), "hour")
