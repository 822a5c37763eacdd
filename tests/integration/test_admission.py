"""Overload and outages: who is not let in is told when to come again, and is on record."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import psutil
import pytest
import pytest_asyncio

from deploy.local.ports import free_ports
from shared.client import Answer
from tests.integration.test_cancellation import OPEN, all_found, delete
from tests.support.live import Api, Live


@asynccontextmanager
async def another_gateway(stack: Live, **settings: object) -> AsyncIterator[Api]:
    """One more gateway of the same stack with settings of its own, asked without a key."""
    [port] = free_ports(1)
    given = {f"TALLYGATE_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "serve", "gateway",
        env=stack.environment | given | {"TALLYGATE_PORT": str(port)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    api = Api(stack.session, f"http://127.0.0.1:{port}", None)
    try:
        await ready(api)
        yield api
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 40)


_TENANT_MAX, _MAX = 2, 3


@pytest_asyncio.fixture(scope="module")
async def narrow(stack: Live) -> AsyncIterator[Api]:
    """A gateway that takes few requests at once, and none behind a queue that stands still."""
    settings = {"tenant_max_in_flight": _TENANT_MAX, "max_in_flight": _MAX, "max_queue_age_s": 1.5}
    async with another_gateway(stack, **settings) as api:
        yield api


def asked_by(stack: Live, tenant: Api, gateway: Api) -> Api:
    return Api(stack.session, gateway.url, tenant.key)


async def ready(api: Api, *, status: int = 200, within_s: float = 60) -> Answer:
    """What /readyz says, once it has that status."""
    deadline = time.monotonic() + within_s
    answer = None
    while time.monotonic() < deadline:
        try:
            answer = await api.get("/readyz")
        except aiohttp.ClientError:
            answer = None
        if answer is not None and answer.status == status:
            return answer
        await asyncio.sleep(0.1)
    raise AssertionError(answer)


def assert_turned_away(answer: Answer, status: int, error_type: str) -> str:
    assert answer.status == status, answer
    assert answer.body["error"]["code"] == error_type
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["x-should-retry"] == "true"
    return str(answer.body["error"]["inference_id"])


async def assert_on_record(tenant: Api, inference_id: str, error_type: str) -> None:
    timeline = await tenant.settled(inference_id)
    assert timeline["state"] == "rejected"
    assert timeline["attempts"] == []
    assert timeline["error"]["error_type"] == error_type


async def test_one_too_many_at_once_is_turned_away(stack: Live, narrow: Api) -> None:
    """Of a tenant, or of all: what is in work goes on, and when it has ended others are let in."""
    greedy, late = await stack.new_tenant(), await stack.new_tenant()
    hanging = [
        await of.add_model("hanging", stack.model_server_url, "fault-hang", timeout_s=30) for of in (greedy, late)
    ]
    api, lates = asked_by(stack, greedy, narrow), asked_by(stack, late, narrow)
    waiting = [asyncio.create_task(api.chat(hanging[0])) for _ in range(_TENANT_MAX)]
    in_work = await all_found(stack, greedy, OPEN, _TENANT_MAX)

    of_a_tenant = assert_turned_away(await api.chat(hanging[0]), 429, "too_many_requests")
    waiting.append(asyncio.create_task(lates.chat(hanging[1])))
    in_work += await all_found(stack, late, OPEN, _MAX - _TENANT_MAX)
    of_all = assert_turned_away(await lates.chat(hanging[1]), 503, "unavailable")

    assert not any(task.done() for task in waiting)
    for inference_id, owner in zip(in_work, (greedy, greedy, late), strict=True):
        await delete(owner, inference_id)
    assert {(await task).status for task in waiting} == {499}
    for owner, asking in ((greedy, api), (late, lates)):
        await owner.add_model("quick", stack.model_server_url)
        assert (await asking.chat("custom:quick")).status == 200
    await assert_on_record(greedy, of_a_tenant, "too_many_requests")
    await assert_on_record(late, of_all, "unavailable")
    for owner, total in ((greedy, 4), (late, 3)):
        requests = (await owner.monitoring(total=total))["requests"]
        assert (requests["total"], requests["rejected"], requests["succeeded"]) == (total, 1, 1)


async def test_a_tenant_has_its_rate(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    stranger = await stack.new_tenant()
    other = await stranger.add_model("quick", stack.model_server_url)
    async with another_gateway(stack, tenant_rate_per_s=1, tenant_burst=2) as gateway:
        api = asked_by(stack, tenant, gateway)
        answers = await asyncio.gather(*(api.chat(model) for _ in range(6)))
        theirs = await asked_by(stack, stranger, gateway).chat(other)
        await asyncio.sleep(1.1)
        later = await api.chat(model)

    turned_away = [answer for answer in answers if answer.status != 200]
    assert 1 <= len(turned_away) <= 4, "a slow machine asks the last ones when there is room again"
    ids = {assert_turned_away(answer, 429, "too_many_requests") for answer in turned_away}
    assert (theirs.status, later.status) == (200, 200)
    for inference_id in ids:
        await assert_on_record(tenant, inference_id, "too_many_requests")


async def test_an_old_queue_is_not_made_longer(stack: Live, tenant: Api, narrow: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    api = asked_by(stack, tenant, narrow)
    await asyncio.to_thread(stack.stack.stop_program, "router")
    try:
        waiting = asyncio.create_task(api.chat(model))
        readiness = await ready(api, status=503)
        answer = await api.chat(model)
    finally:
        await asyncio.to_thread(stack.stack.start_program, "router")
        await asyncio.to_thread(stack.stack.wait_ready, "router")
    assert (await waiting).status == 200
    await ready(api)
    assert (await api.chat(model)).status == 200

    assert "waited" in readiness.body["reasons"]["load"]
    await assert_on_record(tenant, assert_turned_away(answer, 503, "unavailable"), "unavailable")


async def test_without_a_broker_callers_are_told_soon_and_afterwards_everything_goes_on(
    stack: Live, tenant: Api
) -> None:
    if psutil.Process(stack.stack.pid("kafka")).name() != "java":
        pytest.skip("this broker keeps nothing over a restart")
    model = await tenant.add_model("quick", stack.model_server_url)
    assert (await tenant.chat(model)).status == 200
    await asyncio.to_thread(stack.stack.stop_program, "kafka")
    try:
        began = time.monotonic()
        answers = await asyncio.gather(*(tenant.chat(model) for _ in range(20)))
        took_s = time.monotonic() - began
    finally:
        await asyncio.to_thread(stack.stack.start_program, "kafka")
        await asyncio.to_thread(stack.stack.wait_ready, "kafka")

    assert {answer.status for answer in answers} == {503}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    assert took_s < 60
    headers = {"idempotency-key": "after the outage"}
    answer = await answered(tenant, model, headers)
    repeat = await tenant.chat(model, headers=headers)
    assert repeat.status == 200
    assert repeat.body == answer.body
    for name in ("gateway", "router", "monitor"):
        await asyncio.to_thread(stack.stack.wait_ready, name)


async def answered(tenant: Api, model: str, headers: dict[str, str]) -> Answer:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = await tenant.chat(model, headers=headers)
        if answer.status == 200:
            return answer
        assert answer.status == 503, answer
        await asyncio.sleep(1)
    raise AssertionError("it does not recover")
