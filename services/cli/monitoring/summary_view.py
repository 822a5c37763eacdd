"""The monitoring summary, for people to read."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.listing import Listing, Wrapped
from services.cli.output import behind, cell, instant, plain, seconds, usd

STYLES = {"healthy": "green", "degraded": "yellow", "unhealthy": "red"}
_ERRORS_SHOWN = 5


def summary(body: dict[str, Any]) -> RenderableType:
    parts = [Wrapped(_health(body)), _counts(body), _speed_and_costs(body)]
    parts += _by_model(body["requests"]["by_model"])
    parts += _by_error_type(body["requests"]["by_error_type"], body["attempts"]["by_error_type"])
    parts += _errors(body["errors"])
    return Group(*(line for part in parts for line in (part, Text())))


def _health(body: dict[str, Any]) -> Text:
    health = body["health"]
    text = Text.assemble((f"● {plain(health['status'])}", STYLES.get(health["status"], "red")))
    span = f"  {instant(body['from'])} to {instant(body['to'])} UTC, the books are {behind(body['lag_s'])}"
    text.append(span, "dim")
    for issue in health["issues"]:
        text.append("\n  ! ", "yellow").append(plain(issue))
    return text


def _counts(body: dict[str, Any]) -> RenderableType:
    requests, attempts = body["requests"], body["attempts"]
    made = Listing("", "total", "succeeded", "failed", "rejected", "fallbacks", "open", numbers=_COUNTS)
    names = ("total", "succeeded", "failed", "rejected", "fallbacks")
    made.add_row(cell("requests", "bold"), *(_count(name, requests[name]) for name in names), cell(""))
    made.add_row(cell("attempts", "bold"), *(_count(name, attempts.get(name)) for name in (*names, "open")))
    return made


_COUNTS = ("total", "succeeded", "failed", "rejected", "fallbacks", "open")


def _speed_and_costs(body: dict[str, Any]) -> RenderableType:
    performance, costs = body["performance"], body["costs"]
    speed = Listing("", "average", "p50", "p95", "p99", numbers=("average", "p50", "p95", "p99"))
    names = ("average_s", "p50_s", "p95_s", "p99_s")
    speed.add_row(cell("duration", "bold"), *(cell(seconds(performance[name])) for name in names))
    if performance.get("first_chunk_p50_s"):
        chunks = (cell(seconds(performance[f"first_chunk_{name}"])) for name in names[1:])
        speed.add_row(cell("first chunk", "bold"), cell(""), *chunks)
    made = Listing("", "custom", "provider", "saved", numbers=("custom", "provider", "saved"))
    saved = f"{usd(costs['savings_usd'])} ({costs['savings_percent']:g} %)"
    made.add_row(cell("costs", "bold"), cell(usd(costs["custom_usd"])), cell(usd(costs["provider_usd"])), cell(saved))
    return Group(speed, Text(), made, *_tokens(body))


def _tokens(body: dict[str, Any]) -> list[RenderableType]:
    """By kind, and of how many calls they are known: what is not known is in no sum."""
    tokens, usage = body.get("tokens"), body.get("usage")
    if not tokens or not usage:
        return []
    made = Listing("", *tokens, numbers=tuple(tokens))
    made.add_row(cell("tokens", "bold"), *map(cell, tokens.values()))
    known = ", ".join(f"{usage[state]} {state}" for state in usage)
    return [Text(), made, cell(f"of calls whose tokens are: {known}", "dim")]


def _by_model(by_model: Mapping[str, Mapping[str, int]]) -> list[RenderableType]:
    names = ("total", "succeeded", "failed")
    made = Listing("requests by model", *names, numbers=names)
    for model, counts in sorted(by_model.items(), key=lambda item: -item[1]["total"]):
        made.add_row(cell(model), *(_count(name, counts[name]) for name in names))
    return [made] if by_model else []


def _by_error_type(requests: Mapping[str, int], attempts: Mapping[str, int]) -> list[RenderableType]:
    made = Listing("by error type", "requests", "attempts", numbers=("requests", "attempts"))
    for error_type in sorted({*requests, *attempts}, key=lambda name: (-attempts.get(name, 0), name)):
        made.add_row(cell(error_type), *(cell(counts.get(error_type, 0)) for counts in (requests, attempts)))
    return [made] if requests or attempts else []


def _errors(errors: list[dict[str, Any]]) -> list[RenderableType]:
    if not errors:
        return []
    text = Text.assemble(("recent errors", "dim"))
    kinds = grouped(errors)
    for error, times in kinds[:_ERRORS_SHOWN]:
        text.append(f"\n{instant(error['at'])} ", "dim").append(plain(error["model"]), "bold")
        text.append(f" ×{times}  " if times > 1 else "  ")  # noqa: RUF001 - it means times
        text.append(plain(error["error_type"]), "red").append(f": {plain(error['detail'])}")
        for tip in error["tips"]:
            text.append("\n  → ", "cyan").append(plain(tip))
        text.append(f"\n  tallygate show {plain(error['inference_id'])}", "dim")
    if len(kinds) > _ERRORS_SHOWN:
        text.append(f"\nand {len(kinds) - _ERRORS_SHOWN} more; all of them with --json", "dim")
    return [Wrapped(text)]


def grouped(errors: list[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """Each kind of failure of an inference once, with its count: retries mostly fail in the same way."""
    counts: Counter[tuple[str, ...]] = Counter()
    first: dict[tuple[str, ...], dict[str, Any]] = {}
    for error in errors:
        same = (error["inference_id"], str(error["model"]), str(error["error_type"]))
        counts[same] += 1
        first.setdefault(same, error)
    return [(error, counts[same]) for same, error in first.items()]


def _count(name: str, value: int | None) -> Text:
    return cell(value, "red" if value and name in {"failed", "rejected"} else "")
