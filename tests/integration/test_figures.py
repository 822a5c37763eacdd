"""Known faults, told by every way there is to read the books: all of them say what the model server's ledger says.

FIGURES_REQUESTS=100000 for as many as the largest run of this.
"""

import asyncio
import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pyarrow import parquet

from shared.client.requests import CHAT, chat_body
from tests.support import planted
from tests.support.console import error_counts, overview_figures, signed_in
from tests.support.live import Api, Live

_TOTAL = int(os.environ.get("FIGURES_REQUESTS", "240"))
_CALLERS = 32
_TIME_LIMIT_S = 60 + _TOTAL / 50


class Fault(NamedTuple):
    """Of one request: error_type of its settlement, None when it succeeds in the end; calls that fail, by type; how
    many of a hundred requests; how often at most, where the model would be paused."""

    error_type: str | None
    failed_calls: Mapping[str, int]
    percent: int
    most: int | None = None


# By behaviour at the endpoint, with a model for each.
_FAULTS = {
    "demo": Fault(None, {}, 60),
    "flaky-1": Fault(None, {"overloaded": 1}, 15),
    "fault-400-context": Fault("context_length_exceeded", {"context_length_exceeded": 1}, 15),
    "fault-400-filter": Fault("content_filtered", {"content_filtered": 1}, 4),
    "fault-401": Fault("authentication_failed", {"authentication_failed": 1}, 2, most=15),
    "fault-not-json": Fault("bad_response", {"bad_response": 1}, 2, most=15),
    "fault-reset": Fault("stream_broken", {"stream_broken": 3}, 1, most=5),
    "fault-500": Fault("server_error", {"server_error": 3}, 1, most=5),
}


class Figures(NamedTuple):
    """failures: requests by error type. failed_calls: by error type, too."""

    requests: int
    failures: Counter[str]
    calls: int
    failed_calls: Counter[str]


def _plan() -> list[str]:
    """Behaviours in turn, so that none of them is called in a row."""
    wanted = {name: min(fault.percent * _TOTAL // 100, fault.most or _TOTAL) for name, fault in _FAULTS.items()}
    wanted["demo"] += _TOTAL - sum(wanted.values())
    places = ((at / count, name) for name, count in wanted.items() for at in range(count))
    return [name for _, name in sorted(places)]


def _expected(plan: Iterable[str]) -> Figures:
    failures: Counter[str] = Counter()
    failed_calls: Counter[str] = Counter()
    succeeded = 0
    for name in plan:
        fault = _FAULTS[name]
        failed_calls.update(fault.failed_calls)
        if fault.error_type is None:
            succeeded += 1
        else:
            failures[fault.error_type] += 1
    return Figures(_TOTAL, failures, succeeded + failed_calls.total(), failed_calls)


@pytest.mark.timeout(_TIME_LIMIT_S * 4)
async def test_every_way_to_read_the_books_tells_what_the_endpoints_saw(
    stack: Live, tenant: Api, console_url: str
) -> None:
    models = {name: await tenant.add_model(name, stack.model_server_url, name) for name in _FAULTS}
    plan = _plan()
    expected = _expected(plan)
    counted_before, heard_before = await _counters(stack), (await stack.model_server.ledger(entries=False))["total"]

    await _send_all(tenant, [(models[name], number) for number, name in enumerate(plan)])
    summary = await tenant.monitoring(total=_TOTAL, query="window=1h")

    heard = (await stack.model_server.ledger(entries=False))["total"] - heard_before
    assert heard == expected.calls
    assert _summed(summary) == _summed((await tenant.get("/api/monitoring/summary")).body) == expected
    assert await _by_series(tenant) == expected
    assert await _by_causes(tenant) == expected.failed_calls
    assert await _by_list(tenant) == (expected.requests, expected.failures)
    assert await _by_export(tenant, "csv") == await _by_export(tenant, "parquet") == expected
    counted = await _counters(stack)
    assert _difference(counted_before, counted) == expected
    async with signed_in(console_url, tenant.key) as page:
        assert await overview_figures(page) == (expected.requests, expected.failures.total(), expected.calls)
        counts = await error_counts(page)
    by_type: Counter[str] = Counter()
    for (error_type, _), count in counts.items():
        by_type[error_type] += count
    assert by_type == expected.failed_calls


async def _send_all(tenant: Api, requests: list[tuple[str, int]]) -> None:
    """A flaky model fails once for each text, so no two texts are the same."""
    gate = asyncio.Semaphore(_CALLERS)

    async def send(model: str, number: int) -> None:
        async with gate:
            await tenant.post(CHAT, chat_body(model, f"{planted.PROMPT} {number}", no_fallback=True))

    for begin in range(0, len(requests), 5000):
        await asyncio.gather(*(send(*request) for request in requests[begin : begin + 5000]))


def _summed(summary: Mapping[str, Any]) -> Figures:
    requests, attempts = summary["requests"], summary["attempts"]
    failed_calls = Counter(attempts["by_error_type"])
    return Figures(requests["total"], Counter(requests["by_error_type"]), attempts["total"], failed_calls)


async def _by_series(tenant: Api) -> Figures:
    async def sums(measure: str, group: str | None) -> Counter[str]:
        grouped = f"&group={group}" if group else ""
        answer = await tenant.get(f"/api/monitoring/timeseries?measure={measure}{grouped}&step=1m&window=1h")
        assert answer.status == 200, answer
        return Counter(
            {series["group"] or "": sum(value for _, value in series["points"]) for series in answer.body["series"]}
        )

    failures, failed_calls = await sums("failures", "error_type"), await sums("failed_attempts", "error_type")
    requests, calls = await sums("requests", None), await sums("attempts", None)
    return Figures(requests.total(), +failures, calls.total(), +failed_calls)


async def _by_causes(tenant: Api) -> Counter[str]:
    answer = await tenant.get("/api/monitoring/errors")
    assert answer.status == 200, answer
    counted: Counter[str] = Counter()
    for group in answer.body["groups"]:
        counted[group["error_type"]] += group["count"]
    return counted


async def _by_list(tenant: Api) -> tuple[int, Counter[str]]:
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await tenant.get(f"/api/inferences?limit=200&window=1h{cursor}")
        assert answer.status == 200, answer
        items += answer.body["items"]
        if answer.body["next_cursor"] is None:
            break
        cursor = f"&cursor={answer.body['next_cursor']}"
    assert len({item["inference_id"] for item in items}) == len(items)
    return len(items), Counter(item["error_type"] for item in items if item["error_type"])


async def _by_export(tenant: Api, file_format: str) -> Figures:
    inferences, attempts = [await _exported(tenant, what, file_format) for what in ("inferences", "attempts")]
    failures = Counter(row["error_type"] for row in inferences if row["error_type"])
    failed_calls = Counter(row["error_type"] for row in attempts if row["error_type"])
    return Figures(len(inferences), failures, len(attempts), failed_calls)


async def _exported(tenant: Api, what: str, file_format: str) -> list[dict[str, Any]]:
    url = f"{tenant.url}/api/monitoring/export?what={what}&format={file_format}&window=1h"
    headers = {"authorization": f"Bearer {tenant.key}"}
    async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as response:
        assert response.status == 200, await response.text()
        content = await response.read()
    if file_format == "parquet":
        rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(content)).to_pylist()
        return rows
    return list(csv.DictReader(io.StringIO(content.decode())))


async def _counters(stack: Live) -> Figures:
    """What Prometheus would read of all services together."""
    settlements: Counter[str] = Counter()
    calls: Counter[str] = Counter()
    router = f"http://127.0.0.1:{stack.environment['TALLYGATE_ROUTER_PORT']}"
    for url in (stack.gateway_url, stack.monitor_url, router):
        async with stack.session.get(f"{url}/metrics") as response:
            families = list(text_string_to_metric_families(await response.text()))
        for family in families:
            for sample in family.samples:
                if sample.name == "tallygate_settlements_total":
                    settlements[sample.labels["error_type"]] += int(sample.value)
                elif sample.name == "tallygate_attempts_total":
                    calls[sample.labels["error_type"]] += int(sample.value)
    return Figures(settlements.total(), _typed(settlements), calls.total(), _typed(calls))


def _typed(counts: Counter[str]) -> Counter[str]:
    return Counter({error_type: n for error_type, n in counts.items() if error_type not in ("", "none")})


def _difference(before: Figures, after: Figures) -> Figures:
    failures, failed_calls = after.failures - before.failures, after.failed_calls - before.failed_calls
    return Figures(after.requests - before.requests, failures, after.calls - before.calls, failed_calls)
