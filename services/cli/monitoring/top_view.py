"""Pure: one screen of `tallygate top`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.listing import Listing, Wrapped
from services.cli.monitoring.sights import Sight
from services.cli.monitoring.summary_view import STYLES, grouped
from services.cli.output import behind, cell, instant, one_line, plain, seconds, usd
from shared.client import Problem

_MODELS, _ERRORS, _ROUTERS = 12, 6, 12
_STATES = {"alive": "green", "stopped": "dim"}


def screen(url: str, sight: Sight) -> RenderableType:
    head = Text.assemble(("tallygate top", "bold"), f"  {plain(url)}")
    parts: list[RenderableType] = [head]
    if sight.problem is not None:
        parts.append(Wrapped(_away(sight.problem, sight.seen_at)))
    if sight.body is not None:
        summary, instances = sight.body["summary"], sight.body["instances"]
        parts += [Wrapped(_health(summary)), _rates(summary), _speed(summary), _models(summary)]
        parts += _errors(summary["errors"])
        parts += _routers(instances) if instances is not None else []
    return Group(*(line for part in parts for line in (part, Text())))


def _away(problem: Problem, seen_at: datetime | None) -> Text:
    text = Text.assemble((f"✗ {plain(problem.error_type)}", "bold red"), f": {plain(problem.detail)}")
    for tip in problem.tips:
        text.append("\n  → ", "cyan").append(plain(tip))
    since = f"; what follows is of {seen_at:%H:%M:%S} UTC" if seen_at else ""
    return text.append(f"\n  trying again{since}", "yellow")


def _health(summary: Mapping[str, Any]) -> Text:
    status = summary["health"]["status"]
    text = Text.assemble((f"● {plain(status)}", STYLES.get(status, "red")))
    text.append(f"  as of {instant(summary['as_of'])} UTC, the books are {behind(summary['lag_s'])}", "dim")
    for issue in summary["health"]["issues"][:_ERRORS]:
        text.append("\n  ! ", "yellow").append(one_line(issue))
    return text


def _rates(summary: Mapping[str, Any]) -> RenderableType:
    requests, attempts, costs = summary["requests"], summary["attempts"], summary["costs"]
    names = ("requests/s", "failed", "rejected", "fallbacks", "calls/s", "open", "cost")
    made = Listing(*names, numbers=names)
    span_s = _span_s(summary)
    made.add_row(
        cell(_rate(requests["total"], span_s), "bold"),
        _percent(requests["failed"], requests["total"]),
        cell(requests["rejected"]),
        cell(requests["fallbacks"]),
        cell(_rate(attempts["total"], span_s)),
        cell(attempts["open"]),
        cell(usd(costs["custom_usd"] + costs["provider_usd"])),
    )
    return made


def _speed(summary: Mapping[str, Any]) -> RenderableType:
    performance = summary["performance"]
    names = ("p50", "p95", "p99", "first chunk p50", "first chunk p95")
    made = Listing(*names, numbers=names)
    fields = (f"{name.replace(' ', '_')}_s" for name in names)
    made.add_row(*(cell(seconds(performance.get(field) or None)) for field in fields))
    return made


def _models(summary: Mapping[str, Any]) -> RenderableType:
    by_model = sorted(summary["requests"]["by_model"].items(), key=lambda item: (-item[1]["total"], item[0]))
    if not by_model:
        return cell("Nothing was asked in this span.", "dim")
    made = Listing("model", "requests/s", "total", "failed", numbers=("requests/s", "total", "failed"))
    for model, counts in by_model[:_MODELS]:
        failed = _percent(counts["failed"], counts["total"])
        made.add_row(
            cell(one_line(model)), cell(_rate(counts["total"], _span_s(summary))), cell(counts["total"]), failed
        )
    return Group(made, *_more(len(by_model) - _MODELS, "models"))


def _errors(errors: list[dict[str, Any]]) -> list[RenderableType]:
    if not errors:
        return []
    made = Listing("last errors", "model", "type", "detail", "inference")
    kinds = grouped(errors)
    for error, times in kinds[:_ERRORS]:
        error_type = one_line(error["error_type"]) + (f" ×{times}" if times > 1 else "")  # noqa: RUF001 - times
        made.add_row(
            cell(instant(error["at"])[-8:], "dim"),
            cell(one_line(error["model"])),
            cell(error_type, "red"),
            cell(one_line(error["detail"])),
            cell(error["inference_id"], "dim"),
        )
    return [Group(made, *_more(len(kinds) - _ERRORS, "kinds of errors"))]


def _routers(instances: Mapping[str, Any]) -> list[RenderableType]:
    routers = sorted(instances["routers"], key=lambda router: (router["state"] == "stopped", router["router_id"]))
    made = Listing("router", "state", "in flight", "heard", numbers=("in flight", "heard"))
    for router in routers[:_ROUTERS]:
        made.add_row(
            cell(one_line(router["router_id"])),
            cell(router["state"], _STATES.get(router["state"], "red")),
            cell(router["in_flight"]),
            cell(f"{seconds(router['silent_s'])} ago"),
        )
    letters = sum(topic["last_day"] for topic in instances["dead_letters"])
    beside = [f"{instances['requests_waiting']} requests wait for a router"]
    beside += [f"{letters} dead letters in the last day: tallygate dlq list"] if letters else []
    lines = [cell(line, "yellow" if letters else "dim") for line in beside]
    if not routers:
        return [
            Group(cell("No router was heard: nothing is answered. Start one: tallygate serve router", "red"), *lines)
        ]
    return [Group(made, *_more(len(routers) - _ROUTERS, "routers"), *lines)]


def _more(count: int, of: str) -> list[RenderableType]:
    return [cell(f"and {count} more {of}", "dim")] if count > 0 else []


def _span_s(summary: Mapping[str, Any]) -> float:
    """Of the range that was really read."""
    return (datetime.fromisoformat(summary["to"]) - datetime.fromisoformat(summary["from"])).total_seconds()


def _rate(count: int, span_s: float) -> str:
    rate = count / span_s if span_s > 0 else 0.0
    return f"{rate:.0f}" if rate >= 100 else f"{rate:.2g}" if rate < 1 else f"{rate:.1f}"


def _percent(part: int, total: int) -> Text:
    return cell(f"{100 * part / total:.1f} %" if total else "", "red" if part else "")
