"""Series over time as a chart: what the script draws, what is drawn without it, and the table of the same numbers."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

import orjson

from services.console.views import format as shown

Kind = Literal["bars", "lines"]
Unit = Literal["count", "seconds", "usd"]

WIDTH, HEIGHT = 600, 160  # of the drawing without the script, in its own units
_TONES = 6  # how many series have a colour of their own
_STEPS = {"1m": 60, "5m": 300, "1h": 3600, "1d": 86_400}
MOST_ROWS = 60  # of a table
_MOST_POINTS = 170  # more bars than that are thinner than the gaps between them
_UNITS: dict[str, Callable[[float | None], str]] = {
    "count": shown.short, "seconds": shown.seconds, "usd": shown.usd,
}  # fmt: skip

Value = float | None


class Series(NamedTuple):
    """tone: its colour, a class of the style sheet. total: over the range, in words. filters: what of the list of
    inferences lies behind its points."""

    label: str
    tone: str
    values: Sequence[Value]
    total: str
    filters: dict[str, str]


class TableRow(NamedTuple):
    at: str
    href: str
    values: list[str]


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars are stacked, lines are not. step_s: between two points."""

    title: str
    kind: Kind
    unit: Unit
    times: Sequence[str]
    step_s: int
    series: Sequence[Series]

    @property
    def is_empty(self) -> bool:
        return not any(value for each in self.series for value in each.values)

    @property
    def json(self) -> str:
        """For the script: seconds since 1970, and the values, of bars each on top of those before it."""
        data = {
            "kind": self.kind,
            "unit": self.unit,
            "step_s": self.step_s,
            "times": [datetime.fromisoformat(at).timestamp() for at in self.times],
            "series": [
                {"label": each.label, "tone": each.tone, "values": each.values, "filters": each.filters}
                for each in self.series
            ],
        }
        return orjson.dumps(data).decode()

    @property
    def paths(self) -> list[tuple[str, str]]:
        """Tone and path of each series, from the back to the front."""
        heights = self._heights()
        top = max((value for values in heights for value in values if value is not None), default=0) or 1
        drawn = [_bars(values, top) if self.kind == "bars" else _line(values, top) for values in heights]
        return [(each.tone, path) for each, path in zip(self.series, drawn, strict=True)][::-1]

    @property
    def rows(self) -> list[TableRow]:
        """Of the steps in which there is anything, the newest first; MOST_ROWS of them."""
        columns = list(zip(*(each.values for each in self.series), strict=True))
        word = _UNITS[self.unit]
        found = [(at, values) for at, values in zip(self.times, columns, strict=True) if any(values)]
        return [
            TableRow(at, inferences_between(at, self.step_s), [word(value) for value in values])
            for at, values in found[: -MOST_ROWS - 1 : -1]
        ]

    def _heights(self) -> list[Sequence[Value]]:
        if self.kind == "lines":
            return [each.values for each in self.series]
        return stacked([each.values for each in self.series])


def stacked(columns: Sequence[Sequence[Value]]) -> list[Sequence[Value]]:
    sums = (accumulate(value or 0 for value in values) for values in zip(*columns, strict=True))
    return [list(column) for column in zip(*sums, strict=True)] or [[] for _ in columns]


def step_of(length: timedelta) -> str:
    """For a range of that length: the shortest of which there are not too many."""
    seconds = length.total_seconds()
    return next((name for name, step_s in _STEPS.items() if seconds / step_s <= _MOST_POINTS), "1d")


def inferences_between(at: str, step_s: int, **filters: str) -> str:
    since = datetime.fromisoformat(at)
    until = since + timedelta(seconds=step_s)
    edges = {"from": f"{since:%Y-%m-%dT%H:%M:%S}Z", "to": f"{until:%Y-%m-%dT%H:%M:%S}Z"}
    return f"/inferences?{urlencode({**edges, **filters})}"


def series_of(answer: dict[str, Any]) -> dict[str, list[Value]]:
    """Values by group, of an answer of /api/monitoring/timeseries; the group of an only series is empty."""
    return {each["group"] or "": [value for _, value in each["points"]] for each in answer["series"]}


def times_of(answer: dict[str, Any]) -> list[str]:
    return [at for at, _ in answer["series"][0]["points"]] if answer["series"] else []


def step_s_of(answer: dict[str, Any]) -> int:
    return _STEPS.get(answer.get("step", ""), 0) or _between(times_of(answer))


def _between(times: Sequence[str]) -> int:
    if len(times) < 2:
        return _STEPS["1m"]
    first, second = (datetime.fromisoformat(at) for at in times[:2])
    return int((second - first).total_seconds())


def grouped(values: dict[str, list[Value]], unit: Unit, name: str) -> list[Series]:
    """The largest groups with a colour of their own, the rest of them together. name: of the filter of inferences."""
    by_size = sorted(values, key=lambda group: (group == OTHER, -_total(values[group]), group))
    own = by_size[: _TONES - 1] if len(by_size) > _TONES else by_size
    rest = [values[group] for group in by_size[len(own) :]]
    word = _UNITS[unit]
    found = [
        Series(group or "none", f"series-{_TONES if group == OTHER else number}", values[group],
               word(_total(values[group])), {} if group in (OTHER, NONE, "") else {name: group})
        for number, group in enumerate(own, 1)
    ]  # fmt: skip
    if rest:
        together = [sum(value or 0 for value in column) for column in zip(*rest, strict=True)]
        found.append(Series(f"{len(rest)} others", f"series-{_TONES}", together, word(sum(together)), {}))
    return found


OTHER, NONE = "other", "none"  # how the gateway names what it sums up, and what has no name


def _total(values: Iterable[Value]) -> float:
    return sum(value or 0 for value in values)


def _bars(values: Sequence[Value], top: float) -> str:
    width = WIDTH / max(len(values), 1)
    gap = min(2.0, width * 0.2)
    tops = (None if value is None else HEIGHT - value / top * (HEIGHT - 8) for value in values)
    return "".join(
        f"M{number * width + gap / 2:.1f} {HEIGHT}V{y:.1f}h{width - gap:.1f}V{HEIGHT}z"
        for number, y in enumerate(tops)
        if y is not None and y < HEIGHT
    )


def _line(values: Sequence[Value], top: float) -> str:
    """Broken where there is no value; a value alone is a short dash."""
    width, parts, pen_up = WIDTH / max(len(values), 1), list[str](), True
    for number, value in enumerate(values):
        if value is not None:
            x, y = (number + 0.5) * width, HEIGHT - 4 - value / top * (HEIGHT - 8)
            parts.append(f"M{x - 1:.1f} {y:.1f}h2" if pen_up else f"L{x:.1f} {y:.1f}")
        pen_up = value is None
    return "".join(parts)
