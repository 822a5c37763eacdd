"""Restarts and rescaling under load lose nothing and repeat no call."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shared.client import Answer
from shared.telemetry.names import METRIC_CLAIMS
from tests.support.live import Api, Live

_CALLERS = 24


@asynccontextmanager
async def load(tenant: Api, model: str) -> AsyncIterator[list[Answer]]:
    """Callers that send one request after the other until the block ends; then all answers are there."""
    answers: list[Answer] = []
    going_on = True

    async def caller(number: int) -> None:
        sent = 0
        while going_on:
            answers.append(await tenant.chat(model, f"caller {number}, request {sent}"))
            sent += 1

    callers = [asyncio.create_task(caller(number)) for number in range(_CALLERS)]
    try:
        yield answers
    finally:
        going_on = False
        await asyncio.gather(*callers)


async def repeats_no_call(tenant: Api, answers: list[Answer]) -> None:
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["x-tallygate-attempts"] for answer in answers} == {"1"}
    summary = await tenant.monitoring(total=len(answers))
    assert summary["requests"]["total"] == summary["attempts"]["total"] == len(answers)


async def more(answers: list[Answer]) -> None:
    """Until every caller has probably been answered once more."""
    wanted = len(answers) + _CALLERS
    async with asyncio.timeout(30):
        while len(answers) < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def restarted(stack: Live, name: str) -> None:
    old = stack.stack.pid(name)
    stack.stack.signal_program(name, signal.SIGTERM)
    async with asyncio.timeout(40):
        while stack.stack.pid(name) in (0, old):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.to_thread(stack.stack.wait_ready, name)


async def has_claimed(stack: Live, router: str) -> None:
    """Until the router has a share of the requests."""
    port = int(stack.environment["TALLYGATE_ROUTER_PORT"]) + int(router.rpartition("-")[2])
    async with asyncio.timeout(30):
        while True:
            async with stack.session.get(f"http://127.0.0.1:{port}/metrics") as response:
                if re.search(rf'^{METRIC_CLAIMS}{{result="claimed"}} [1-9]', await response.text(), re.MULTILINE):
                    return
            await asyncio.sleep(0.1)


@pytest.mark.timeout(120)
async def test_routers_and_the_monitor_come_and_go_one_after_the_other(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("steady", stack.model_server_url, "demo-delay-300")

    async with load(tenant, model) as answers:
        await more(answers)
        second = await asyncio.to_thread(stack.stack.add_router)
        try:
            await has_claimed(stack, second)
            for name in ("router-0", second, "monitor"):
                await more(answers)
                await restarted(stack, name)
            await more(answers)
        finally:
            await asyncio.to_thread(stack.stack.remove_router, int(second.rpartition("-")[2]))
        await more(answers)

    await repeats_no_call(tenant, answers)
