"""The figures and charts of the overview."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlencode

from services.console.views import format as shown
from services.console.views.charts import Chart, Kind, Series, Unit, Value, grouped, series_of, step_s_of, times_of

# What is asked of /api/monitoring/timeseries, by the name of its answer.
MEASURES: Mapping[str, Mapping[str, str]] = {
    "requests": {"measure": "requests"},
    "failures": {"measure": "failures", "group": "error_type"},
    "p50": {"measure": "p50"},
    "p95": {"measure": "p95"},
    "p99": {"measure": "p99"},
    "first_chunk_p95": {"measure": "first_chunk_p95"},
    "tokens": {"measure": "tokens", "group": "model"},
    "cost": {"measure": "cost", "group": "model"},
}


class Figure(NamedTuple):
    label: str
    value: str
    note: str = ""
    tone: str = ""
    href: str = ""


def figures(summary: Mapping[str, Any], query: Mapping[str, str]) -> list[Figure]:
    """query: of the range, which the links keep."""
    requests, attempts = summary["requests"], summary["attempts"]
    speed, costs = summary["performance"], summary["costs"]
    links = {state: "/inferences?" + urlencode({**query, "state": state}) for state in ("failed", "completed")}
    usd = costs["custom_usd"] + costs["provider_usd"]
    first_chunk = speed.get("first_chunk_p95_s")
    return [
        Figure("Requests", shown.count(requests["total"]), f"{shown.count(attempts['total'])} model calls",
               href="/inferences?" + urlencode(query)),
        Figure("Failed", shown.count(requests["failed"]), f"{shown.percent(requests['failure_rate'])} of all",
               _tone(requests["failure_rate"]), links["failed"]),
        Figure("Fallbacks", shown.count(requests["fallbacks"]), f"{shown.short(requests['rejected'])} rejected"),
        Figure("Duration, p95", shown.seconds(speed["p95_s"]) if requests["succeeded"] else shown.NOTHING,
               f"median {shown.seconds(speed['p50_s'])}" if requests["succeeded"] else "nothing was completed",
               href=links["completed"]),
        Figure("First chunk, p95", shown.seconds(first_chunk or None), "of streamed calls" if first_chunk else ""),
        Figure("Cost", shown.usd(usd), _saved(costs), "ok" if costs["savings_usd"] > 0 else "", "/spending"),
    ]  # fmt: skip


def charts(answers: Mapping[str, Any | None]) -> list[Chart]:
    """answers: by the names of MEASURES; None where the gateway gave none. What is missing is not drawn."""
    known = {name: answer for name, answer in answers.items() if answer is not None}
    found = [
        _requests(known["requests"], known["failures"]) if {"requests", "failures"} <= known.keys() else None,
        _grouped("Failures by type", "count", known.get("failures"), "error_type"),
        _lines("Duration of requests", {name: known[name] for name in ("p50", "p95", "p99") if name in known}),
        _lines("Time to the first chunk", {"p95": known["first_chunk_p95"]} if "first_chunk_p95" in known else {}),
        _grouped("Tokens by model", "count", known.get("tokens"), "model"),
        _grouped("Cost by model", "usd", known.get("cost"), "model"),
    ]
    return [chart for chart in found if chart is not None]


def _requests(requests: Mapping[str, Any], failures: Mapping[str, Any]) -> Chart:
    """What failed at the bottom, where a small number is still seen, and the others above it."""
    times = times_of(dict(requests))
    everything = _sum(list(series_of(dict(requests)).values()), len(times))
    failed = _sum(list(series_of(dict(failures)).values()), len(times))
    others = [max(0, all_of_them - bad) for all_of_them, bad in zip(everything, failed, strict=True)]
    series = [
        Series("failed", "series-bad", failed, shown.short(sum(failed)), {"state": "failed"}),
        Series("not failed", "series-1", others, shown.short(sum(others)), {}),
    ]
    return Chart("Requests", "bars", "count", times, step_s_of(dict(requests)), series)


def _grouped(title: str, unit: Unit, answer: Mapping[str, Any] | None, name: str, kind: Kind = "bars") -> Chart | None:
    if answer is None:
        return None
    series = grouped(series_of(dict(answer)), unit, name)
    return Chart(title, kind, unit, times_of(dict(answer)), step_s_of(dict(answer)), series)


def _lines(title: str, answers: Mapping[str, Any]) -> Chart | None:
    if not answers:
        return None
    first = dict(next(iter(answers.values())))
    series = [
        Series(name, f"series-{number}", values, "", {"state": "completed"})
        for number, (name, answer) in enumerate(answers.items(), 1)
        for values in series_of(dict(answer)).values()
    ]
    return Chart(title, "lines", "seconds", times_of(first), step_s_of(first), series)


def _sum(columns: Sequence[Sequence[Value]], length: int) -> list[float]:
    """Series of one range, each of so many points; of none, nothing happened."""
    return [sum(values[place] or 0 for values in columns) for place in range(length)]


def _tone(rate: float) -> str:
    return "bad" if rate >= 0.05 else "warn" if rate > 0 else "ok"


def _saved(costs: Mapping[str, float]) -> str:
    if costs["savings_usd"] <= 0:
        return ""
    return f"saved {shown.usd(costs['savings_usd'])} ({costs['savings_percent']:.0f} %)"
