"""Whoever dies: every accepted inference is settled, and its caller gets an answer while the deadline allows."""

import asyncio
import json
import signal
from typing import Any, NamedTuple

import asyncpg
import pytest
import pytest_asyncio

from shared.client import Answer
from tests.support.live import Api, Live

_IN_FLIGHT = 50


async def in_flight(stack: Live, calls: int) -> None:
    """Until the model server has that many calls open."""
    async with asyncio.timeout(20):
        while (await stack.model_server.ledger(entries=False))["open"] < calls:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def audit(stack: Live) -> dict[str, object]:
    done = await stack.command("audit", "--json", check=False)
    report: dict[str, object] = json.loads(done.stdout)
    return report


async def answer_at_once(tenant: Api, model: str) -> None:
    """From the next call on; the calls in flight stay as they are."""
    changed = await tenant.call("PATCH", f"/api/models/custom/{model}", {"config": {"model": "demo"}})
    assert changed.status == 200, changed


class Killed(NamedTuple):
    """What came of the calls that a router had in flight when it was killed."""

    tenant: Api
    answers: list[Answer]
    hurried: Api
    late: Answer


@pytest_asyncio.fixture(scope="module")
async def killed(stack: Live) -> Killed:
    """One death for two tests: it takes ten seconds until it is noticed. Only later calls than its own end."""
    tenant, hurried = await stack.new_tenant(), await stack.new_tenant()
    model = await tenant.add_model("model", stack.model_server_url, "fault-hang", timeout_s=60)
    hanging = await hurried.add_model("hanging", stack.model_server_url, "fault-hang", timeout_s=60)
    calls = [asyncio.create_task(tenant.chat(model, f"call {n}")) for n in range(_IN_FLIGHT)]
    late = asyncio.create_task(hurried.chat(hanging, headers={"x-tallygate-deadline-s": "5"}))
    await in_flight(stack, _IN_FLIGHT + 1)

    stack.stack.signal_program("router", signal.SIGKILL)

    await answer_at_once(tenant, model)
    answers = await asyncio.gather(*calls)
    await asyncio.to_thread(stack.stack.wait_ready, "router")
    return Killed(tenant, answers, hurried, await late)


@pytest.mark.timeout(150)
async def test_a_router_killed_in_the_middle_of_calls_loses_none(stack: Live, killed: Killed) -> None:
    tenant, answers = killed.tenant, killed.answers
    assert [answer.status for answer in answers] == [200] * _IN_FLIGHT
    summary = await tenant.monitoring(total=_IN_FLIGHT)
    assert summary["requests"]["succeeded"] == _IN_FLIGHT
    assert summary["attempts"]["by_error_type"] == {"router_lost": _IN_FLIGHT}
    assert summary["attempts"]["succeeded"] == _IN_FLIGHT
    timeline = await tenant.settled(answers[0].headers["x-tallygate-inference-id"])
    assert timeline["delivery"] == 2
    assert [one["attempt_number"] for one in timeline["attempts"]] == [1, 2]
    assert (await audit(stack))["balanced"]


@pytest.mark.timeout(150)
async def test_a_lost_request_past_its_deadline_is_settled_and_its_caller_told(killed: Killed) -> None:
    assert killed.late.status == 504
    timeline = await killed.hurried.settled(killed.late.body["error"]["inference_id"])
    assert timeline["state"] == "expired"
    assert timeline["attempts"][0]["error"]["error_type"] == "router_lost"


@pytest.mark.timeout(150)
async def test_a_monitor_that_dies_counts_nothing_twice(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("good", stack.model_server_url)
    sending = asyncio.gather(*(tenant.chat(model, f"m {n}") for n in range(300)))
    await asyncio.sleep(0.3)

    stack.stack.signal_program("monitor", signal.SIGKILL)

    assert {answer.status for answer in await sending} == {200}
    await asyncio.to_thread(stack.stack.wait_ready, "monitor")
    summary = await tenant.monitoring(total=300)
    assert summary["requests"]["total"] == summary["attempts"]["total"] == 300


_LATE_WORDS = "SELECT count(*) FROM monitor.late_words WHERE attempt_id IS NOT NULL AND inference_id = ANY($1::uuid[])"


async def late_words(stack: Live, answers: list[Answer], count: int) -> None:
    """Until so many attempts of these inferences have ended a second time."""
    inferences = [answer.headers["x-tallygate-inference-id"] for answer in answers]
    connection: Any = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        async with asyncio.timeout(20):
            while await connection.fetchval(_LATE_WORDS, inferences) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    finally:
        await connection.close()


@pytest.mark.timeout(150)
async def test_a_frozen_router_that_wakes_up_settles_nothing_twice(stack: Live, tenant: Api) -> None:
    """It wakes up when another one has settled all of its work, and then says how its calls have ended."""
    slow = await tenant.add_model("slow", stack.model_server_url, "demo-delay-1000")
    name = await asyncio.to_thread(stack.stack.add_router)
    try:
        calls = [asyncio.create_task(tenant.chat(slow, f"z {n}")) for n in range(20)]
        await in_flight(stack, 20)
        stack.stack.signal_program("router", signal.SIGSTOP)
        try:
            answers = await asyncio.gather(*calls)
            lost = (await tenant.monitoring(total=20))["attempts"]["by_error_type"]["router_lost"]
        finally:
            stack.stack.signal_program("router", signal.SIGCONT)
        await late_words(stack, answers, lost)
    finally:
        await asyncio.to_thread(stack.stack.remove_router, int(name.rpartition("-")[2]))

    assert {answer.status for answer in answers} == {200}
    summary = await tenant.monitoring(total=20)
    assert (summary["requests"]["total"], summary["requests"]["succeeded"]) == (20, 20)
    assert (await audit(stack))["balanced"]


@pytest.mark.timeout(150)
async def test_a_router_that_is_stopped_hands_back_what_it_cannot_finish(stack: Live, tenant: Api) -> None:
    model = await tenant.add_model("model", stack.model_server_url, "fault-hang", timeout_s=60)
    call = asyncio.create_task(tenant.chat(model))
    await in_flight(stack, 1)

    stack.stack.signal_program("router", signal.SIGTERM)

    await answer_at_once(tenant, model)
    answer = await call
    assert answer.status == 200
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert [one["error"]["error_type"] for one in timeline["attempts"] if one["error"]] == ["handed_back"]
    assert timeline["delivery"] == 2
