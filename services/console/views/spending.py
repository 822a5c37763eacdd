"""What it cost, and what is left of the budgets."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from services.console.views import format as shown
from services.console.views.charts import Chart, Unit, grouped, series_of, step_s_of, times_of

# What is asked of /api/monitoring/timeseries, by day, by the name of its answer.
MEASURES: Mapping[str, Mapping[str, str]] = {
    "model": {"measure": "cost", "group": "model"},
    "key": {"measure": "cost", "group": "key"},
    "tokens": {"measure": "tokens", "group": "model"},
    "key_tokens": {"measure": "tokens", "group": "key"},
}


class Total(NamedTuple):
    """name: empty for all others together. share: of the largest, in percent. cap: of a session, and what is used of it
    since it was set; empty for none. used_up: nothing of it is left."""

    name: str
    usd: float
    tokens: float
    share: float
    cap: str = ""
    used_up: bool = False


class Budget(NamedTuple):
    """used: in percent, at most 100. tone: of it."""

    name: str
    spent: str
    most: str
    used: float
    tone: str


def spending_charts(answers: Mapping[str, Any | None]) -> list[Chart]:
    wanted: tuple[tuple[str, str, Unit], ...] = (
        ("model", "Cost by model, a day", "usd"),
        ("key", "Cost by key, a day", "usd"),
        ("tokens", "Tokens by model, a day", "count"),
    )
    return [
        Chart(title, "bars", unit, times_of(answer), step_s_of(answer),
              grouped(series_of(answer), unit, "key" if name == "key" else "model"))
        for name, title, unit in wanted
        if (answer := answers.get(name)) is not None
    ]  # fmt: skip


def totals(cost: Any | None, tokens: Any | None) -> list[Total]:
    """Over the range, the dearest first. What has no price has its tokens only."""
    usd, counted = _sums(cost), _sums(tokens)
    most = max(usd.values(), default=0) or 1
    found = [
        Total(name or "none", usd.get(name, 0), counted.get(name, 0), round(100 * usd.get(name, 0) / most, 1))
        for name in usd.keys() | counted.keys()
    ]
    return sorted(found, key=lambda one: (-one.usd, -one.tokens, one.name))


def sessions(told: Mapping[str, Any], capped: Mapping[str, Any]) -> list[Total]:
    """The dearest first, all others together last. told: of GET /api/monitoring/sessions; capped: of GET
    /api/sessions."""
    caps = {one["session"]: one for one in capped["sessions"]}
    rows = [(one["session"], one) for one in told["sessions"]]
    rows += [("", told["others"])] if told["others"] else []
    most = max((figures["cost_usd"] for name, figures in rows if name), default=0) or 1
    return [
        Total(name, figures["cost_usd"], figures["input_tokens"] + figures["output_tokens"],
              round(min(100 * figures["cost_usd"] / most, 100), 1),
              _cap(caps[name]) if name in caps else "", bool(name in caps and caps[name]["used_up"]))
        for name, figures in rows
    ]  # fmt: skip


def _cap(capped: Mapping[str, Any]) -> str:
    """Of each amount that is capped: what is used of how much."""
    words = {"usd": shown.usd, "calls": shown.short, "tokens": shown.short}
    parts = [
        f"{word(capped['used'][name])} of {word(capped[name])}" + ("" if name == "usd" else f" {name}")
        for name, word in words.items()
        if capped[name] is not None
    ]
    return ", ".join(parts)


def budgets(tenant: Mapping[str, Any]) -> list[Budget]:
    """Of those that the tenant has. tenant: of GET /api/tenants/{id}; before its first call nothing is spent."""
    terms, spent = tenant["terms"], tenant["spent"] or {}
    found = []
    for span, words in (("day", "Today (UTC)"), ("month", "This month (UTC)")):
        for kind, word in (("usd", shown.usd), ("tokens", shown.short)):
            if (most := terms.get(f"{kind}_per_{span}")) is not None:
                amount = float(spent.get(f"{kind}_{span}") or 0)
                share = amount / most if most else 1.0
                tone = "bad" if share >= 1 else "warn" if share >= 0.8 else "ok"
                name = f"{words}, {'dollars' if kind == 'usd' else 'tokens'}"
                found.append(Budget(name, word(amount), word(most), round(100 * min(share, 1), 1), tone))
    return found


def _sums(answer: Any | None) -> dict[str, float]:
    if answer is None:
        return {}
    return {group: sum(value or 0 for value in values) for group, values in series_of(answer).items()}
