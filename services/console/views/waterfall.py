"""One inference as a waterfall: what happened when, from its acceptance until its settlement is in the books."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.console.views import format as shown
from services.console.views.inferences import tokens, tone

WIDTH = 1000  # of the track, in its own units
_LEAST = 3  # a bar that is thinner is not seen
_TICKS = 5


class Bar(NamedTuple):
    """tone: a class of the style sheet. title: what it is, for who points at it."""

    x: float
    width: float
    tone: str
    title: str


class Row(NamedTuple):
    """bars: on its track. detail: short words below its name. time: how long it took, or at which moment."""

    name: str
    detail: str
    time: str
    bars: list[Bar]
    tone: str


class Tick(NamedTuple):
    x: float
    label: str


class Waterfall(NamedTuple):
    rows: list[Row]
    ticks: list[Tick]


class _Scale(NamedTuple):
    begin: datetime
    length_s: float

    def x(self, at: datetime) -> float:
        share = (at - self.begin).total_seconds() / self.length_s
        return round(min(max(share, 0), 1) * WIDTH, 1)

    def bar(self, since: datetime, until: datetime, tone_: str, title: str) -> Bar:
        x = min(self.x(since), WIDTH - _LEAST)
        return Bar(x, max(round(self.x(until) - x, 1), _LEAST), tone_, title)


def waterfall(body: Mapping[str, Any], now: datetime) -> Waterfall:
    """body: of GET /api/inferences/{id}. What goes on is drawn up to now."""
    attempts = body["attempts"]
    begins = [at for at in (shown.parsed(body["accepted_at"]), *(_start(one) for one in attempts)) if at is not None]
    if not begins:
        return Waterfall([], [])
    begin = min(begins)
    ends = [shown.parsed(body["settled_at"]), *(_end(one, now) for one in attempts)]
    end = max([begin, *(at for at in ends if at is not None)]) if body["settled_at"] else now
    scale = _Scale(begin, max((end - begin).total_seconds(), 0.001))
    rows = [*_waiting(body, attempts, scale, now), *(_attempt(one, scale, now) for one in attempts)]
    settled = shown.parsed(body["settled_at"])
    if settled is not None:
        rows += _settled(body["state"], settled, scale, booked=shown.parsed(body.get("booked_at")))
    return Waterfall(rows, _ticks(scale))


def _waiting(body: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]], scale: _Scale, now: datetime) -> list[Row]:
    """From acceptance to the claim, with which the first call is put on record."""
    accepted = shown.parsed(body["accepted_at"])
    if accepted is None:
        return []
    first = min((at for at in map(_start, attempts) if at is not None), default=None)
    until = first or shown.parsed(body["settled_at"]) or now
    waited = shown.seconds((until - accepted).total_seconds())
    detail = "waited, until a router claimed it" if first else "no model was called"
    return [Row("Accepted", detail, waited, [scale.bar(accepted, until, "wait", f"waited {waited}")], "")]


def _attempt(one: Mapping[str, Any], scale: _Scale, now: datetime) -> Row:
    start, end = _start(one), _end(one, now)
    outcome = one["outcome"] or "open"
    kind = tone(one["outcome"])
    bars: list[Bar] = []
    if start is not None and end is not None:
        first_chunk = one.get("first_chunk_s")
        if first_chunk is not None and start + timedelta(seconds=first_chunk) < end:
            heard = start + timedelta(seconds=first_chunk)
            bars.append(scale.bar(start, heard, f"{kind} early", f"first chunk after {shown.seconds(first_chunk)}"))
            bars.append(scale.bar(heard, end, kind, f"{outcome} after {shown.seconds(one['duration_s'])}"))
        else:
            bars.append(scale.bar(start, end, kind, f"{outcome} after {shown.seconds(one['duration_s'])}"))
    error = one["error"] or {}
    detail = error.get("error_type") or tokens_words(one)
    return Row(f"{one['attempt_number']} · {one['model']}", detail, shown.seconds(one["duration_s"]), bars, kind)


def tokens_words(one: Mapping[str, Any]) -> str:
    """Of an attempt: 812 → 233 tokens."""
    counted = tokens(one.get("usage") or one)
    return f"{counted} tokens" if counted else ""


def _settled(state: str, at: datetime, scale: _Scale, booked: datetime | None) -> list[Row]:
    """The track ends with the settlement: the books may be seconds behind a call of milliseconds."""
    took, kind = shown.seconds((at - scale.begin).total_seconds()), tone(state)
    rows = [Row("Settled", state, f"after {took}", [_mark(scale, at, kind, f"settled as {state}")], kind)]
    if booked is not None:
        later = shown.seconds(max((booked - at).total_seconds(), 0))
        mark = _mark(scale, booked, kind, f"in the books {later} after its settlement")
        rows.append(Row("Booked", "by the monitor", f"{later} later", [mark], kind))
    return rows


def _mark(scale: _Scale, at: datetime, kind: str, title: str) -> Bar:
    return Bar(min(scale.x(at), WIDTH - _LEAST), _LEAST, kind, title)


def _ticks(scale: _Scale) -> list[Tick]:
    return [
        Tick(round(WIDTH * number / (_TICKS - 1), 1), shown.seconds(scale.length_s * number / (_TICKS - 1)))
        for number in range(_TICKS)
    ]


def _start(one: Mapping[str, Any]) -> datetime | None:
    return shown.parsed(one["started_at"])


def _end(one: Mapping[str, Any], now: datetime) -> datetime | None:
    """now, while the call goes on."""
    start = _start(one)
    if start is None or one["outcome"] is None:
        return now if start is not None else None
    return start + timedelta(seconds=one["duration_s"] or 0)
