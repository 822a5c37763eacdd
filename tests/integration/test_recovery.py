"""Whoever dies: every accepted inference is settled, and its caller gets an answer while the deadline allows."""

import asyncio
import json
import signal

import pytest

from tests.support.live import Answer, Api, Live

_IN_FLIGHT = 50


async def in_flight(stack: Live, calls: int) -> None:
    """Until the model server has that many calls open."""
    async with asyncio.timeout(20):
        while (await stack.model_server.ledger(entries=False))["open"] < calls:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def audit(stack: Live) -> dict[str, object]:
    done = await asyncio.to_thread(stack.command, "audit", "--json", check=False)
    report: dict[str, object] = json.loads(done.stdout)
    return report


@pytest.mark.timeout(150)
async def test_a_router_killed_in_the_middle_of_calls_loses_none(stack: Live, tenant: Api) -> None:
    slow = await tenant.add_model("slow", stack.model_server_url, "demo-delay-4000")
    calls = [asyncio.create_task(tenant.chat(slow, f"call {n}")) for n in range(_IN_FLIGHT)]
    await in_flight(stack, _IN_FLIGHT)

    stack.stack.signal_program("router", signal.SIGKILL)

    answers: list[Answer] = await asyncio.gather(*calls)
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
async def test_a_lost_request_past_its_deadline_is_settled_and_its_caller_told(stack: Live, tenant: Api) -> None:
    hanging = await tenant.add_model("hanging", stack.model_server_url, "fault-hang", timeout_s=60)
    call = asyncio.create_task(tenant.chat(hanging, headers={"x-tallygate-deadline-s": "5"}))
    await in_flight(stack, 1)

    stack.stack.signal_program("router", signal.SIGKILL)

    answer = await call
    assert answer.status == 504
    timeline = await tenant.settled(answer.body["error"]["inference_id"])
    assert timeline["state"] == "expired"
    assert timeline["attempts"][0]["error"]["error_type"] == "router_lost"
    await asyncio.to_thread(stack.stack.wait_ready, "router")


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


@pytest.mark.timeout(150)
async def test_a_frozen_router_that_wakes_up_settles_nothing_twice(stack: Live, tenant: Api) -> None:
    slow = await tenant.add_model("slow", stack.model_server_url, "demo-delay-1000")
    name = await asyncio.to_thread(stack.stack.add_router)
    try:
        calls = [asyncio.create_task(tenant.chat(slow, f"z {n}")) for n in range(20)]
        await in_flight(stack, 20)
        stack.stack.signal_program("router", signal.SIGSTOP)
        await asyncio.sleep(14)
        stack.stack.signal_program("router", signal.SIGCONT)

        answers = await asyncio.gather(*calls)
    finally:
        await asyncio.to_thread(stack.stack.remove_router, int(name.rpartition("-")[2]))

    assert {answer.status for answer in answers} == {200}
    summary = await tenant.monitoring(total=20)
    assert summary["requests"]["succeeded"] == 20
    assert (await audit(stack))["balanced"]


@pytest.mark.timeout(150)
async def test_a_router_that_is_stopped_hands_back_what_it_cannot_finish(stack: Live, tenant: Api) -> None:
    long = await tenant.add_model("long", stack.model_server_url, "demo-delay-25000")
    call = asyncio.create_task(tenant.chat(long))
    await in_flight(stack, 1)

    stack.stack.signal_program("router", signal.SIGTERM)

    answer = await call
    assert answer.status == 200
    timeline = await tenant.settled(answer.headers["x-tallygate-inference-id"])
    assert [one["error"]["error_type"] for one in timeline["attempts"] if one["error"]] == ["handed_back"]
    assert timeline["delivery"] == 2
