"""Pure: what a series is of, which steps of time it has, and from rows of the sums to the answer."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from services.monitor.ranges import Range
from services.monitor.rollups.latency import middle
from services.monitor.rollups.steps import Step
from shared.errors import TallygateError

MOST_POINTS = 2000  # of one series
MOST_SERIES = 50  # with names of their own; the others are one
_MOST_TOLD = 4000  # points of one answer, but for the series of the others
_CHOSEN_POINTS = 400  # at most, where no step is asked for

OTHER = "other"
NONE = "none"


class Measure(NamedTuple):
    """of: the kind of sums. counts: what is added up, as float8, in which counts are exact (sums of bigint are numeric,
    which is slow), or (percentiles) the histogram. share: 0 to 1."""

    of: str
    counts: str
    share: float | None = None


_FAILED = "sum(requests::float8) FILTER (WHERE settlement NOT IN ('completed', 'rejected'))"
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_HISTOGRAMS = {
    "": ("requests", "latency"),
    "first_chunk_": ("calls", "first_chunk"),
    "per_chunk_": ("calls", "per_chunk"),
}
MEASURES: Mapping[str, Measure] = {
    "requests": Measure("requests", "sum(requests::float8)"),
    "failures": Measure("requests", _FAILED),
    "attempts": Measure("calls", "sum(calls::float8)"),
    "failed_attempts": Measure("calls", "sum(calls::float8) FILTER (WHERE outcome = 'failed')"),
    "tokens": Measure("calls", "sum((input_tokens + output_tokens)::float8)"),
    "cost": Measure("calls", "sum(usd)"),
} | {
    f"{of}{name}": Measure(*histogram, share)
    for of, histogram in _HISTOGRAMS.items()
    for name, share in _SHARES.items()
}  # fmt: skip
GROUPS: Mapping[str, str] = {
    "model": "model", "error_type": "error_type", "key": "key_id", "operation": "operation_name",
}  # fmt: skip


class StepOfSeries(NamedTuple):
    """sums: the longest that are of use."""

    length: timedelta
    sums: Step


STEPS: Mapping[str, StepOfSeries] = {
    "1m": StepOfSeries(timedelta(minutes=1), "minute"),
    "5m": StepOfSeries(timedelta(minutes=5), "minute"),
    "1h": StepOfSeries(timedelta(hours=1), "hour"),
    "1d": StepOfSeries(timedelta(days=1), "day"),
}


class Axis(NamedTuple):
    """Steps of time: whole ones, that hold all of the range that was asked for."""

    step: str
    since: datetime
    points: int

    @property
    def length(self) -> timedelta:
        return STEPS[self.step].length

    @property
    def until(self) -> datetime:
        return self.since + self.points * self.length

    @property
    def series(self) -> int:
        """How many have names of their own."""
        return min(MOST_SERIES, _MOST_TOLD // self.points)


class Named(NamedTuple):
    """What was read of one series. name: None for that of the others. places: of the axis, with the values there."""

    name: str | None
    places: Sequence[int]
    values: Sequence[float]


def parse_axis(step: str | None, asked: Range) -> Axis:
    """step: of STEPS; None for the shortest that makes few points. Raises `invalid_request`."""
    if step is None:
        axes = [_axis(each, asked) for each in STEPS]
        return next((axis for axis in axes if axis.points <= _CHOSEN_POINTS), axes[-1])
    _known("step", step, STEPS)
    axis = _axis(step, asked)
    if axis.points > MOST_POINTS:
        fits = next(each for each in STEPS if _axis(each, asked).points <= MOST_POINTS)
        raise TallygateError(
            "invalid_request",
            f"step={step} makes {axis.points} points of this range, and a series has at most {MOST_POINTS}",
            tips=(f"Send step={fits}, or a shorter range.",),
        )
    return axis


def parse_measure(name: str) -> Measure:
    """Raises `invalid_request`."""
    return MEASURES[_known("measure", name, MEASURES)]


def parse_group(name: str | None) -> str | None:
    """The column; None for one series of everything. Raises `invalid_request`."""
    return None if name is None else GROUPS[_known("group", name, GROUPS)]


def told(axis: Axis, measure: Measure, is_grouped: bool, read: Sequence[Named]) -> list[dict[str, Any]]:
    """The series, those with names by how much they count, then that of the others. Every step is a point: where
    nothing was counted it is 0, and a percentile is null."""
    if not read and not is_grouped:
        read = [Named(None, (), ())]
    times = [(axis.since + place * axis.length).isoformat() for place in range(axis.points)]
    return [
        {"group": _label(each.name) if is_grouped else None, "points": _points(times, measure, each)}
        for each in sorted(read, key=lambda each: each.name is None)
    ]


def _points(times: Sequence[str], measure: Measure, series: Named) -> list[tuple[str, float | None]]:
    values: list[float | None] = [0 if measure.share is None else None] * len(times)
    for place, value in zip(series.places, series.values, strict=True):
        values[place] = value if measure.share is None else round(middle(int(value)), 6)
    return list(zip(times, values, strict=True))


def _label(name: str | None) -> str:
    return OTHER if name is None else name or NONE


def _axis(step: str, asked: Range) -> Axis:
    length = STEPS[step].length
    since = _floor(asked.since, length)
    return Axis(step, since, -((since - asked.until) // length))


def _floor(at: datetime, length: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (at - epoch) // length * length


def _known(what: str, name: str, names: Mapping[str, object]) -> str:
    if name not in names:
        raise TallygateError("invalid_request", f"{what} must be one of {', '.join(names)}", tips=())
    return name
