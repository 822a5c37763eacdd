"""What the monitor says of models and of spending: soon, from the books, and whoever dies."""

import asyncio
import signal
import subprocess
import sys
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from deploy.local.ports import free_ports
from services.monitor.rollups.health import NO_CALLS
from services.monitor.rollups.latency import BOUNDS
from services.monitor.rollups.store import RollupStore
from shared.db import DatabaseSettings, connect_pool
from shared.events import Event, ModelHealthChanged, TenantSpent
from shared.events.topics import MODEL_HEALTH, SPENDING, Topic
from shared.kafka.follow import Follower
from shared.kafka.real import RealBroker
from shared.kafka.settings import KafkaSettings
from tests.integration.test_admission import ready
from tests.support.live import Api, Live

_PRICE = {"input_per_mtok_usd": 3.0, "output_per_mtok_usd": 15.0}
_SOON_S = 30.0  # a turn of two seconds, and room for a slow machine

_TENANT = "SELECT tenant_id FROM gateway.api_keys WHERE key_id = $1"
_SUMS = """
SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(calls) FILTER (WHERE outcome = 'failed'), 0) AS failed,
       coalesce(sum(usd), 0) AS usd, coalesce(sum(input_tokens + output_tokens), 0) AS tokens
FROM monitor.calls_by_minute WHERE tenant_id = $1
"""
_BOOKED = """
SELECT count(*) AS calls, count(*) FILTER (WHERE outcome = 'failed') AS failed, coalesce(sum(cost_usd), 0) AS usd,
       coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0) AS tokens
FROM monitor.attempts WHERE tenant_id = $1 AND outcome IS NOT NULL
"""
_HISTOGRAMS = """
SELECT (latency).buckets, (latency).upto FROM monitor.calls_by_minute WHERE tenant_id = $1 AND latency IS NOT NULL
"""
_LONG_AGO = """
WITH earlier AS (UPDATE monitor.attempts SET ended_at = ended_at - interval '10 minutes' WHERE tenant_id = $1),
     gone AS (DELETE FROM monitor.calls_by_minute WHERE tenant_id = $1 RETURNING tenant_id, at)
INSERT INTO monitor.touched_slices (tenant_id, at) SELECT tenant_id, at - interval '10 minutes' FROM gone
"""


class Books:
    """The database, and the tenant that a test is about."""

    def __init__(self, connection: Any, tenant_id: str) -> None:
        self._connection = connection
        self.tenant_id = tenant_id

    async def one(self, query: str) -> dict[str, Any]:
        return dict(await self._connection.fetchrow(query, self.tenant_id))

    async def rows(self, query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in await self._connection.fetch(query, self.tenant_id)]

    async def begun(self) -> None:
        """Once a first call is booked."""
        async with asyncio.timeout(30):
            while not (await self.one(_BOOKED))["calls"]:  # noqa: ASYNC110 - another process writes them
                await asyncio.sleep(0.01)

    async def summed_up(self, calls: int) -> dict[str, Any]:
        """The sums of the minutes, once they hold so many calls."""
        async with asyncio.timeout(30):
            while (sums := await self.one(_SUMS))["calls"] < calls:  # noqa: ASYNC110 - another process writes them
                await asyncio.sleep(0.1)
        return sums


@asynccontextmanager
async def books_of(stack: Live, tenant: Api) -> AsyncIterator[Books]:
    assert tenant.key is not None
    connection: Any = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        yield Books(connection, await connection.fetchval(_TENANT, tenant.key.split("_")[1]))
    finally:
        await connection.close()


@asynccontextmanager
async def heard(stack: Live, topic: Topic) -> AsyncIterator[list[Event]]:
    words: list[Event] = []
    settings = KafkaSettings(bootstrap_servers=stack.environment["KAFKA_BOOTSTRAP_SERVERS"])
    follower = Follower(RealBroker(settings), {topic: words.append})
    await follower.start()
    try:
        yield words
    finally:
        await follower.stop()


async def word(found: Callable[[], Iterator[Any]], within_s: float) -> Any:
    """The first of what is found, as soon as there is one."""
    try:
        async with asyncio.timeout(within_s):
            while (one := next(found(), None)) is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"nothing was said within {within_s} s") from None
    return one


async def health(
    words: list[Event], books: Books, model: str, status: str, *, calls: int = 0, within_s: float = _SOON_S
) -> ModelHealthChanged:
    """The newest word on the model, once it is this one."""

    def found() -> Iterator[ModelHealthChanged]:
        mine = [
            one
            for one in words
            if isinstance(one, ModelHealthChanged) and (one.tenant_id, one.model) == (books.tenant_id, model)
        ]
        return (one for one in mine[-1:] if one.status == status and one.calls >= calls)

    told: ModelHealthChanged = await word(found, within_s)
    return told


async def chat(tenant: Api, model: str, times: int, status: int) -> None:
    answers = await asyncio.gather(*(tenant.chat(model, f"call {n}") for n in range(times)))
    assert {answer.status for answer in answers} == {status}


async def test_a_failing_model_is_unhealthy_within_seconds_and_well_again_when_it_answers(
    stack: Live, tenant: Api
) -> None:
    model = await tenant.add_model("flaky", stack.model_server_url, "flaky-6")
    async with books_of(stack, tenant) as books, heard(stack, MODEL_HEALTH) as words:
        for _ in range(2):  # of three calls each, with the same message
            assert (await tenant.chat(model, "again")).status >= 500
        health_event = await health(words, books, model, "unhealthy")
        calls = health_event.calls
        assert calls in {5, 6}, "judged from five on: the sixth may not be booked yet"
        assert (health_event.failed, health_event.p50_s) == (calls, None)
        assert health_event.reason == f"{calls} of {calls} calls failed, most of them overloaded"

        for _ in range(60):
            assert (await tenant.chat(model, "again")).status == 200
        health_event = await health(words, books, model, "healthy", calls=55)
        assert health_event.p50_s is not None
        assert 0 < health_event.p50_s < 5

        history = await books.rows("SELECT * FROM monitor.model_health WHERE tenant_id = $1 ORDER BY changed_at")
    statuses = [one["status"] for one in history]
    assert (statuses[0], statuses[-1]) == ("unhealthy", "healthy")
    assert all(before != after for before, after in pairwise(statuses))
    assert {one["model"] for one in history} == {model}


async def test_what_the_caller_did_wrong_is_no_failure_of_the_model(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("strict", stack.model_server_url, "fault-400")
    async with books_of(stack, tenant) as books, heard(stack, MODEL_HEALTH) as words:
        await chat(tenant, model, 8, 400)
        health_event = await health(words, books, model, "healthy", calls=8)
    assert (health_event.calls, health_event.failed, health_event.reason) == (8, 0, "")


async def test_an_unhealthy_model_that_nobody_calls_may_be_tried_again(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("refusing", stack.model_server_url, "fault-401")
    async with books_of(stack, tenant) as books, heard(stack, MODEL_HEALTH) as words:
        await chat(tenant, model, 6, 424)
        await health(words, books, model, "unhealthy", calls=6)

        await books.rows(_LONG_AGO)

        health_event = await health(words, books, model, "healthy")
        assert (health_event.reason, health_event.calls) == (NO_CALLS, 0)
        assert (await books.summed_up(6))["failed"] == 6


async def test_spending_is_the_sum_of_the_books(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("paid", stack.model_server_url, price=_PRICE)
    failing = await tenant.add_model("failing", stack.model_server_url, "fault-401", price=_PRICE)
    async with books_of(stack, tenant) as books, heard(stack, SPENDING) as words:
        await chat(tenant, model, 40, 200)
        await chat(tenant, failing, 5, 424)
        await books.summed_up(45)
        booked = await books.one(_BOOKED)
        assert booked["usd"] > 0

        def found() -> Iterator[TenantSpent]:
            mine = [one for one in words if isinstance(one, TenantSpent) and one.tenant_id == books.tenant_id]
            return (one for one in mine[-1:] if one.tokens_month == booked["tokens"])

        told: TenantSpent = await word(found, _SOON_S)
    assert told.usd_month == pytest.approx(booked["usd"])
    assert told.usd_day <= told.usd_month
    assert told.tokens_day <= told.tokens_month


@pytest.mark.timeout(200)
async def test_a_monitor_that_is_killed_leaves_no_gap(stack: Live, tenant: Api) -> None:
    quick = await tenant.add_model("quick", stack.model_server_url, price=_PRICE)
    slow = await tenant.add_model("slow", stack.model_server_url, "demo-delay-3000", price=_PRICE)
    async with books_of(stack, tenant) as books, heard(stack, SPENDING) as words:
        sending = asyncio.gather(*(chat(tenant, model, 150, 200) for model in (quick, slow)))
        await books.begun()
        stack.stack.signal_program("monitor", signal.SIGKILL)
        assert (await books.one(_BOOKED))["calls"] < 300, "it was killed too late, all is booked"
        await sending
        sums = await books.summed_up(300)

        attempts = await books.rows("SELECT * FROM monitor.attempts WHERE tenant_id = $1")
        minutes = await books.rows(_HISTOGRAMS)
        assert sums == pytest.approx(await books.one(_BOOKED))
        assert _summed(minutes) == Counter(bisect_right(BOUNDS, one["duration_s"]) for one in attempts)

        def found() -> Iterator[TenantSpent]:
            mine = [one for one in words if isinstance(one, TenantSpent) and one.tenant_id == books.tenant_id]
            return (one for one in mine[-1:] if one.tokens_month == sums["tokens"])

        told: TenantSpent = await word(found, _SOON_S)
    assert told.usd_month == pytest.approx(sums["usd"])


@asynccontextmanager
async def another_monitor(stack: Live) -> AsyncIterator[asyncio.subprocess.Process]:
    [port] = free_ports(1)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "serve", "monitor",
        env=stack.environment | {"TALLYGATE_MONITOR_PORT": str(port)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await ready(Api(stack.session, f"http://127.0.0.1:{port}", None))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.mark.timeout(200)
async def test_what_one_monitor_booked_before_it_died_for_good_another_sums_up(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("paid", stack.model_server_url, price=_PRICE)
    async with books_of(stack, tenant) as books:
        async with another_monitor(stack) as other:
            await chat(tenant, model, 100, 200)
            sending = asyncio.create_task(chat(tenant, model, 100, 200))
            await asyncio.sleep(0.3)
            other.kill()
            await sending

        sums = await books.summed_up(200)

        assert sums == pytest.approx(await books.one(_BOOKED))
        assert sums["calls"] == 200


async def test_one_monitor_has_its_turn_at_a_time(stack: Live) -> None:
    pool = await connect_pool(DatabaseSettings.model_validate({"database_url": stack.environment["DATABASE_URL"]}))
    try:
        store = RollupStore(pool)
        async with asyncio.timeout(20):
            while True:
                async with store.turn() as mine, store.turn() as others:
                    if mine is not None:  # else the stack's own monitor has it just now
                        assert others is None
                        return
                await asyncio.sleep(0.05)
    finally:
        await pool.close()


def _summed(minutes: list[dict[str, Any]]) -> Counter[int]:
    total: Counter[int] = Counter()
    for minute in minutes:
        counts = (upto - before for before, upto in pairwise((0, *minute["upto"])))
        total.update(dict(zip(minute["buckets"], counts, strict=True)))
    return total
