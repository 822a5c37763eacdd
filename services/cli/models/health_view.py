"""The health of models over a span of time, for people to read."""

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.listing import Wrapped
from services.cli.output import behind, instant, plain, seconds

_CELLS = 60
_STYLES = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}
_WORST_FIRST = ("unhealthy", "degraded", "healthy")
_MARKS = {"healthy": "▁", "degraded": "▄", "unhealthy": "█"}  # to be told apart without colours, too
_NOT_KNOWN = "·"
_CHANGES_SHOWN = 20


class Change(NamedTuple):
    at: datetime
    status: str


def bar(
    before: str | None, changes: Sequence[Change], since: datetime, until: datetime, cells: int
) -> list[str | None]:
    """The worst status within each of so many equal parts of a span. changes: oldest first. before: how it was when the
    span began; None where that is not known."""
    width = (until - since) / cells
    found: list[str | None] = []
    status, coming = before, deque(changes)
    for cell in range(1, cells + 1):
        within = [status]
        while coming and (coming[0].at < since + cell * width or cell == cells):
            status = coming.popleft().status
            within.append(status)
        found.append(_worst(within))
    return found


def health_timeline(body: dict[str, Any]) -> RenderableType:
    head = f"{instant(body['from'])} to {instant(body['to'])} UTC, the books are {behind(body['lag_s'])}"
    if not body["models"]:
        return Text(f"No model was called or probed. {head}")
    parts: list[RenderableType] = [Wrapped(_of_model(model, body)) for model in body["models"]]
    legend = Text.assemble(("   ".join(f"{mark} {status}" for status, mark in _MARKS.items()) + f"   {head}", "dim"))
    return Group(*parts, Text(), legend, *_changes(body))


def _of_model(model: dict[str, Any], body: dict[str, Any]) -> Text:
    style = _STYLES.get(model["status"], "red")
    text = Text.assemble(("● ", style), (plain(model["model"]), "bold"), " ", (plain(model["status"]), style))
    if model["since"]:
        text.append(f" since {instant(model['since'])}", "dim")
    if model["reason"]:
        text.append(f": {plain(model['reason'])}")
    text.append("\n  ").append_text(_drawn(model["model"], body))
    text.append(f"\n  {_counted(model)}", "dim")
    return text.append(f"; {_probed(model['probe'])}", "dim") if model["probe"] else text


def _drawn(model: str, body: dict[str, Any]) -> Text:
    mine = [one for one in reversed(body["items"]) if one["model"] == model]
    changes = [Change(_time(one["at"]), one["status"]) for one in mine]
    before = next((one["status"] for one in body["at_from"] if one["model"] == model), "healthy")
    if body["next_cursor"]:  # nothing is known of the time before the oldest of these changes
        oldest = _time(body["items"][-1]["at"])
        before, changes = None, [Change(oldest, one["was"]) for one in mine[:1]] + changes
    text = Text()
    for status in bar(before, changes, _time(body["from"]), _time(body["to"]), _CELLS):
        text.append(_MARKS.get(status or "", _NOT_KNOWN), _STYLES.get(status or "", "dim"))
    return text


def _counted(model: dict[str, Any]) -> str:
    by = model["thresholds"]
    rule = (
        f"degraded from {by['degraded_at']:.0%}, unhealthy from {by['unhealthy_at']:.0%} of {by['min_calls']} calls on"
    )
    calls = f"{model['calls']} calls counted, {model['failed']} failed" if model["calls"] else "no calls lately"
    median = f", {seconds(model['p50_s'])} at the median" if model["p50_s"] is not None else ""
    return f"{calls}{median}; {rule}"


def _probed(probe: dict[str, Any]) -> str:
    every = f"probed every {probe['every_s']} s"
    if not probe["ended_at"]:
        return every
    how = f"failed: {plain(probe['error_type'])}" if probe["error_type"] else "was answered"
    return f"{every}, at {instant(probe['ended_at'])} it {how}"


def _changes(body: dict[str, Any]) -> list[RenderableType]:
    if not body["items"]:
        return [Text("no model's health has changed within this time", "dim")]
    text = Text("\nchanges", "dim")
    for change in body["items"][:_CHANGES_SHOWN]:
        text.append(f"\n{instant(change['at'])} ", "dim").append(plain(change["model"]), "bold")
        text.append(f" {change['was']} → ").append(change["status"], _STYLES.get(change["status"], "red"))
        text.append(f"  {plain(change['reason'])}" if change["reason"] else "")
    more = len(body["items"]) - _CHANGES_SHOWN
    if more > 0 or body["next_cursor"]:
        text.append("\nthere are more; see a shorter time, or one model", "dim")
    return [Wrapped(text)]


def _worst(statuses: Iterable[str | None]) -> str | None:
    found = set(statuses)
    return next((status for status in _WORST_FIRST if status in found), None)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
