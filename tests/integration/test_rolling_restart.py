"""Restarts and rescaling under load lose nothing and repeat no call."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.live import Answer, Api, Live

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


@pytest.mark.timeout(120)
async def test_routers_and_the_monitor_are_restarted_one_after_the_other(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("steady", stack.model_server_url, "demo-delay-300")
    second = await asyncio.to_thread(stack.stack.add_router)
    try:
        async with load(tenant, model) as answers:
            for name in ("router-0", second, "monitor"):
                await asyncio.sleep(1)
                stack.stack.signal_program(name, signal.SIGTERM)
                await asyncio.sleep(1)
                await asyncio.to_thread(stack.stack.wait_ready, name)
        await repeats_no_call(tenant, answers)
    finally:
        await asyncio.to_thread(stack.stack.remove_router, int(second.rpartition("-")[2]))


@pytest.mark.timeout(120)
async def test_routers_are_added_and_removed(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("steady", stack.model_server_url, "demo-delay-300")

    async with load(tenant, model) as answers:
        for _ in range(2):
            added = await asyncio.to_thread(stack.stack.add_router)
            await asyncio.sleep(2)
            await asyncio.to_thread(stack.stack.remove_router, int(added.rpartition("-")[2]))
            await asyncio.sleep(1)

    await repeats_no_call(tenant, answers)
