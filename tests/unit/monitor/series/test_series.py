from datetime import UTC, datetime, timedelta

import pytest

from services.monitor.ranges import OLDEST, Range
from services.monitor.series.series import MEASURES, Axis, Named, parse_axis, parse_group, parse_measure, told
from shared.errors import TallygateError

NOW = datetime(2026, 11, 23, 12, 34, 56, 789, UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("step", "since", "until"),
    [
        ("1m", datetime(2026, 11, 23, 10, 4, tzinfo=UTC), datetime(2026, 11, 23, 12, 35, tzinfo=UTC)),
        ("5m", datetime(2026, 11, 23, 10, 0, tzinfo=UTC), datetime(2026, 11, 23, 12, 35, tzinfo=UTC)),
        ("1h", datetime(2026, 11, 23, 10, tzinfo=UTC), datetime(2026, 11, 23, 13, tzinfo=UTC)),
        ("1d", datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_the_steps_are_whole_and_hold_the_range(step: str, since: datetime, until: datetime) -> None:
    axis = parse_axis(step, Range(NOW - 2.5 * HOUR, NOW))
    assert (axis.step, axis.since, axis.until) == (step, since, until)


@pytest.mark.parametrize(
    ("length", "step"),
    [(HOUR, "1m"), (30 * HOUR, "5m"), (15 * 24 * HOUR, "1h"), (30 * 24 * HOUR, "1d"), (OLDEST, "1d")],
)
def test_without_a_step_it_is_the_shortest_that_makes_few_points(length: timedelta, step: str) -> None:
    axis = parse_axis(None, Range(NOW - length, NOW))
    assert axis.step == step
    assert axis.points <= 401


def test_too_many_points_are_refused_with_the_step_to_send() -> None:
    assert parse_axis("1m", Range(NOW - 33 * HOUR, NOW)).points == 33 * 60 + 1
    with pytest.raises(
        TallygateError, match="step=1m makes 2041 points of this range, and a series has at most 2000"
    ) as no:
        parse_axis("1m", Range(NOW - 34 * HOUR, NOW))
    assert no.value.failure.tips == ("Send step=5m, or a shorter range.",)


@pytest.mark.parametrize(("points", "series"), [(10, 50), (80, 50), (400, 10), (2000, 2)])
def test_an_answer_has_at_most_so_many_points(points: int, series: int) -> None:
    assert Axis("1m", NOW, points).series == series


def test_what_is_not_known_is_refused_with_what_is() -> None:
    for parse in (parse_measure, parse_group, lambda step: parse_axis(step, Range(NOW - HOUR, NOW))):
        with pytest.raises(TallygateError, match=r"must be one of .+, "):
            parse("1s")
    assert parse_group(None) is None


AXIS = Axis("1m", datetime(2026, 11, 23, 12, tzinfo=UTC), 3)
TIMES = [f"2026-11-23T12:0{minute}:00+00:00" for minute in range(3)]


def test_every_step_is_a_point_of_every_series() -> None:
    read = [Named("custom:a", [2, 0], [5.0, 1.0]), Named(None, [1], [2.0]), Named("", [0], [1.0])]
    assert told(AXIS, MEASURES["requests"], True, read) == [
        {"group": "custom:a", "points": [(TIMES[0], 1), (TIMES[1], 0), (TIMES[2], 5)]},
        {"group": "none", "points": [(TIMES[0], 1), (TIMES[1], 0), (TIMES[2], 0)]},
        {"group": "other", "points": [(TIMES[0], 0), (TIMES[1], 2), (TIMES[2], 0)]},
    ]


def test_without_calls_there_is_no_percentile() -> None:
    [series] = told(AXIS, MEASURES["p95"], False, [Named("", [1], [80.0])])
    assert series == {
        "group": None,
        "points": [(TIMES[0], None), (TIMES[1], pytest.approx(1.0, rel=0.05)), (TIMES[2], None)],
    }


def test_where_nothing_was_counted_there_is_a_series_all_the_same_but_no_group() -> None:
    assert told(AXIS, MEASURES["requests"], False, []) == [{"group": None, "points": [(at, 0) for at in TIMES]}]
    assert told(AXIS, MEASURES["requests"], True, []) == []
