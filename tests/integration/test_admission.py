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

from deploy.local.ports import free_ports
from shared.client import Answer
from tests.integration.test_cancellation import OPEN, delete, found
from tests.support.live import Api, Live


@asynccontextmanager
async def another_gateway(stack: Live, tenant: Api, **settings: object) -> AsyncIterator[Api]:
    """One more gateway of the same stack with settings of its own, asked with the tenant's key."""
    [port] = free_ports(1)
    given = {f"TALLYGATE_{name.upper()}": str(value) for name, value in settings.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services", "serve", "gateway",
        env=stack.environment | given | {"TALLYGATE_PORT": str(port)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    api = Api(stack.session, f"http://127.0.0.1:{port}", tenant.key)
    try:
        await ready(api)
        yield api
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 40)


async def ready(api: Api, *, status: int = 200, within_s: float = 40) -> Answer:
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


@pytest.mark.parametrize(
    ("setting", "status", "error_type"),
    [("tenant_max_in_flight", 429, "too_many_requests"), ("max_in_flight", 503, "unavailable")],
)
async def test_one_too_many_at_once_is_turned_away(
    stack: Live, tenant: Api, setting: str, status: int, error_type: str
) -> None:
    model = await tenant.add_model("hanging", stack.model_server_url, "fault-hang", timeout_s=30)
    async with another_gateway(stack, tenant, **{setting: 1}) as api:
        first = asyncio.create_task(api.chat(model))
        in_work = await found(stack, tenant, OPEN)

        inference_id = assert_turned_away(await api.chat(model), status, error_type)

        assert not first.done()
        await delete(tenant, in_work)
        assert (await first).status == 499
        await tenant.add_model("quick", stack.model_server_url)
        assert (await api.chat("custom:quick")).status == 200
    await assert_on_record(tenant, inference_id, error_type)
    requests = (await tenant.monitoring(total=3))["requests"]
    assert (requests["total"], requests["rejected"], requests["succeeded"]) == (3, 1, 1)


async def test_a_tenant_has_its_rate(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    stranger = await stack.new_tenant()
    other = await stranger.add_model("quick", stack.model_server_url)
    async with another_gateway(stack, tenant, tenant_rate_per_s=1, tenant_burst=2) as api:
        answers = await asyncio.gather(*(api.chat(model) for _ in range(6)))
        theirs = await Api(stack.session, api.url, stranger.key).chat(other)
        await asyncio.sleep(1.1)
        later = await api.chat(model)

    turned_away = [answer for answer in answers if answer.status != 200]
    assert len(turned_away) == 4
    ids = {assert_turned_away(answer, 429, "too_many_requests") for answer in turned_away}
    assert (theirs.status, later.status) == (200, 200)
    for inference_id in ids:
        await assert_on_record(tenant, inference_id, "too_many_requests")


async def test_an_old_queue_is_not_made_longer(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("quick", stack.model_server_url)
    async with another_gateway(stack, tenant, max_queue_age_s=1.5) as api:
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
    assert took_s < 8
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
