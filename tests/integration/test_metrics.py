"""What a running stack tells, and what a real Prometheus makes of it: every query of rules and dashboards answers."""

import asyncio
import math
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
import yaml
from prometheus_client.parser import text_string_to_metric_families

from deploy.grafana.dashboards import DASHBOARDS
from services.documents.metrics_page import INSTRUMENTS
from services.documents.spans_table import SPANS
from tests.support.live import SETTLE_S, Api, Live
from tests.support.prometheus import RULES, Prometheus, needs_prometheus, scraping

_PORTS = {
    "gateway": "TALLYGATE_PORT",
    "router": "TALLYGATE_ROUTER_PORT",
    "monitor": "TALLYGATE_MONITOR_PORT",
    "features": "TALLYGATE_FEATURES_PORT",
    "jobs": "TALLYGATE_JOBS_PORT",
    "console": "TALLYGATE_CONSOLE_PORT",
}
_PRICE = {"input_per_mtok_usd": 1.0, "output_per_mtok_usd": 5.0}
# Panels that this stack has nothing for; each says itself that it may be empty.
_EMPTY = {"Room on disks", "Feature jobs settled", "Tokens from caches, and thoughts"}
_SELECTOR = re.compile(r"\b((?:tallygate|gen_ai|node)[a-z_:0-9]+|up)\b(\{[^}]*\})?")


def _url(stack: Live, service: str) -> str:
    return f"127.0.0.1:{stack.environment[_PORTS[service]]}"


async def _scraped(stack: Live, service: str) -> dict[str, Any]:
    """By the name of the family."""
    async with stack.session.get(f"http://{_url(stack, service)}/metrics") as response:
        return {family.name: family for family in text_string_to_metric_families(await response.text())}


async def _ask(tenant: Api) -> None:
    """Answers, streams, vectors and failures."""
    assert (await tenant.chat("custom:good")).status == 200
    assert (await tenant.chat("custom:bad", no_fallback=True)).status == 502
    assert (await tenant.stream.ask("custom:good")).whole
    assert (await tenant.post("/v1/embeddings", {"model": "custom:good", "input": "a"})).status == 200


@pytest.mark.usefixtures("console_url")
@pytest.mark.parametrize("service", _PORTS)
async def test_a_service_tells_exactly_the_metrics_of_the_table(stack: Live, service: str) -> None:
    told = {name for name in await _scraped(stack, service) if not name.startswith(("process_", "python_"))}

    assert told == {one.name.removesuffix("_total") for one in INSTRUMENTS if service in one.told_by}


@pytest_asyncio.fixture(scope="module")
async def prometheus(
    stack: Live, console_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Prometheus]:
    """It has seen every kind of request more than once: what is counted for the first time shows no rate."""
    targets = {f"tallygate-{service}": _url(stack, service) for service in _PORTS}
    assert console_url.endswith(targets["tallygate-console"])
    tenant = await stack.new_tenant()
    await tenant.add_model("good", stack.model_server_url, price=_PRICE)
    await tenant.add_model("bad", stack.model_server_url, "fault-500")
    await _ask(tenant)
    async with scraping(tmp_path_factory.mktemp("prometheus"), targets, stack.session) as found:
        seen = f'count(up == 1) == {len(_PORTS)} and count(tallygate_settlements_total{{settlement="failed"}}) > 0'
        await _until(lambda: found.query(seen))
        await _ask(tenant)
        yield found


async def _until(found: Callable[[], Awaitable[object]]) -> None:
    until = time.monotonic() + SETTLE_S
    while not await found():
        assert time.monotonic() < until
        await asyncio.sleep(0.2)


async def _left(found: Callable[[], Awaitable[list[str]]]) -> list[str]:
    """What is still found when it had time to go."""
    until = time.monotonic() + SETTLE_S
    while True:
        left = await found()
        if not left or time.monotonic() > until:
            return left
        await asyncio.sleep(0.2)


async def _sum(stack: Live, service: str, name: str, **labels: str) -> float:
    samples = (await _scraped(stack, service))[name].samples
    return float(sum(one.value for one in samples if labels.items() <= one.labels.items()))


async def test_the_counters_agree_with_the_books_and_the_endpoint(stack: Live, tenant: Api) -> None:
    async def counted() -> list[float]:
        return [
            await _sum(stack, "router", "tallygate_attempts", outcome="succeeded"),
            await _sum(stack, "router", "tallygate_attempts", outcome="failed", error_type="authentication_failed"),
            await _sum(stack, "router", "tallygate_settlements"),
            await _sum(stack, "router", "tallygate_cost_usd"),
        ]

    before = await counted()
    good = await tenant.add_model("good", stack.model_server_url, price=_PRICE)
    bad = await tenant.add_model("bad", stack.model_server_url, "fault-401")
    answers = [await tenant.chat(good), await tenant.chat(good), await tenant.chat(bad, no_fallback=True)]
    books = await tenant.monitoring(total=3)
    calls = [
        attempt["attempt_id"]
        for answer in answers
        for attempt in (await tenant.settled(answer.headers["x-tallygate-inference-id"]))["attempts"]
    ]
    ledger = await stack.model_server.calls_of(set(calls))
    succeeded, refused, settled, cost = (now - then for then, now in zip(before, await counted(), strict=True))

    assert (succeeded, refused, settled) == (2, 1, 3)
    assert (ledger["demo"], ledger["fault-401"]) == (2, 1)
    assert (books["requests"]["succeeded"], books["requests"]["failed"]) == (2, 1)
    assert cost == pytest.approx(books["costs"]["custom_usd"])


async def test_no_service_makes_a_span_that_is_not_in_the_table(stack: Live, tenant: Api) -> None:
    """Of all that tests of this session have asked for."""
    answer = await tenant.chat(await tenant.add_model("good", stack.model_server_url))
    await tenant.settled(answer.headers["x-tallygate-inference-id"])

    async def of_all() -> bool:
        return {"gateway", "router", "monitor"} <= {service for service, _ in _made(stack)}

    await _until(of_all)
    assert _made(stack) <= {(service, span.name) for span in SPANS for service in span.made_by}


def _made(stack: Live) -> set[tuple[str, str]]:
    """Services, and the names of spans that they have made, as the table writes them."""
    kinds = {2: "<METHOD> <path>", 3: "<operation> <model>"}
    return {(span.service.removeprefix("tallygate-"), kinds.get(span.kind, span.name)) for span in stack.otlp.spans}


@needs_prometheus
async def test_every_panel_of_every_dashboard_shows_something(prometheus: Prometheus) -> None:
    panels = [panel for dashboard in DASHBOARDS for panel in dashboard.panels]

    async def empty() -> list[str]:
        asked = [
            (panel.title, query.expr.replace("$__rate_interval", "1m"))
            for panel in panels
            for query in panel.queries
            if panel.title not in _EMPTY
        ]
        return [f"{title}: {one}" for title, one in asked if not any(map(math.isfinite, await prometheus.query(one)))]

    assert await _left(empty) == []
    assert {panel.title for panel in panels if panel.may_be_empty} >= _EMPTY


@needs_prometheus
async def test_every_rule_asks_for_what_there_is(prometheus: Prometheus) -> None:
    groups = [
        group
        for name in ("recording.yml", "alerts.yml")
        for group in yaml.safe_load((RULES / name).read_text())["groups"]
    ]
    rules = [rule for group in groups if group["name"] != "tallygate-disks" for rule in group["rules"]]
    selectors = {match.group() for rule in rules for match in _SELECTOR.finditer(rule["expr"])}

    async def nothing_found() -> list[str]:
        return [one for one in sorted(selectors) if not await prometheus.query(one)]

    assert await _left(nothing_found) == []
    judged = [rule for group in (await prometheus.ask("rules"))["groups"] for rule in group["rules"]]
    assert len(judged) == sum(len(group["rules"]) for group in groups)
    assert [rule for rule in judged if rule["health"] != "ok"] == []


@needs_prometheus
@pytest.mark.parametrize(
    "histogram",
    [
        "tallygate_http_request_duration_seconds",
        "tallygate_stream_first_chunk_seconds",
        "tallygate_inference_duration_seconds",
        "gen_ai_client_inference_duration_seconds",
        "gen_ai_client_inference_time_to_first_chunk_seconds",
    ],
)
async def test_a_histogram_leads_to_traces(stack: Live, prometheus: Prometheus, histogram: str) -> None:
    """An OTLP receiver has got each trace that an exemplar names."""

    async def leads() -> bool:
        now = time.time()
        series = await prometheus.ask(
            "query_exemplars", query=f"{histogram}_bucket", start=f"{now - 300}", end=f"{now}"
        )
        named = {one["labels"]["trace_id"] for found in series for one in found["exemplars"]}
        return bool(named) and all(stack.otlp.trace(trace_id) for trace_id in named)

    await _until(leads)
