"""Whichever step a worker dies in: its job goes on with the next, no model is called twice, and it is settled once."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import LeaveGroupRequest

from tests.integration.configured.conftest import JOBS_AT_ONCE, MAX_DELIVERIES
from tests.integration.test_recovery import audit
from tests.support.features import (
    Script,
    ended,
    once,
    plan,
    scripted,
    settled_in_books,
    wished,
    written,
)
from tests.support.live import Api, Live

_DELAY = {"delay_ms": 4000}
FILES = [{"path": "greet.py", "content": 'def greet() -> str:\n    return "hello"\n'}]
PLAN = plan(("bye.py", "create"))
GOOD = written({"bye.py": 'def bye() -> str:\n    return "bye"\n'})
BROKEN = written({"bye.py": "def bye( -> str:\n    return (\n"})
# Many lines, so that reading and checking take their time.
_LINES = "".join(f"def f{number}(value: int) -> int:\n    return value + {number}\n\n\n" for number in range(200))
LARGE = [{"path": f"pkg{number % 50}/m{number}.py", "content": _LINES[:9000]} for number in range(330)]
LONG = written({"bye.py": "".join(f"def bye{number}() -> int:\n    return {number}\n\n\n" for number in range(4000))})


@pytest_asyncio.fixture(scope="module")
async def fragile(configured_stack: Live) -> AsyncIterator[Live]:
    """With one worker only: nobody takes over before it is back."""
    await asyncio.to_thread(configured_stack.stack.stop_program, "features-1")
    yield configured_stack
    await asyncio.to_thread(configured_stack.stack.start_program, "features-1")


@pytest_asyncio.fixture
async def owner(fragile: Live) -> Api:
    await asyncio.to_thread(fragile.stack.wait_ready, "features")
    return await fragile.new_tenant()


async def kill(live: Live) -> None:
    """The worker; returns when the next one is there."""
    dead = live.stack.pid("features")
    live.stack.signal_program("features", signal.SIGKILL)
    await leave_group(live)
    async with asyncio.timeout(30):
        while live.stack.pid("features") in (0, dead):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def leave_group(live: Live) -> None:
    """For the dead worker. Kafka would wait for its session to end before the next one hears of jobs, and so would
    the test after this one; that it does, the tests with two workers show."""
    client = AIOKafkaClient(bootstrap_servers=live.environment["KAFKA_BOOTSTRAP_SERVERS"])
    await client.bootstrap()
    try:
        broker = client.get_random_node()
        described = await client.send(broker, DescribeGroupsRequest(["features"], include_authorized_operations=False))
        ((_, _, _, _, _, members, *_),) = described.groups
        for member_id, *_ in members:
            await client.send(broker, LeaveGroupRequest("features", member_id))
    finally:
        await client.close()


async def at_step(owner: Api, feature_id: str, step: str) -> None:
    found = await once(owner, feature_id, lambda feature: feature["step"] == step or bool(feature["settled_at"]))
    assert found["settled_at"] is None, found


async def assert_finished(owner: Api, feature_id: str, script: Script, *, calls: int, deliveries: int = 2) -> None:
    """Settled once, and each call was made once: as the model's endpoint saw it, as the books have it, as is told."""
    feature = await ended(owner, feature_id)
    assert (feature["state"], feature["delivery"]) == ("completed", deliveries), feature
    assert (await script.told())["given"] == list(range(calls))
    assert len(feature["inferences"]) == calls
    summary = await settled_in_books(owner, jobs=1, calls=calls)
    assert (summary["features"]["total"], summary["features"]["completed"]) == (1, 1)
    assert (summary["requests"]["total"], summary["attempts"]["total"]) == (calls, calls)


@pytest.mark.timeout(150)
async def test_a_worker_killed_while_it_reads(fragile: Live, owner: Api) -> None:
    script = await scripted(fragile, owner, PLAN, GOOD)
    feature_id = await wished(owner, files=LARGE, model=script.model)
    await at_step(owner, feature_id, "reading")

    await kill(fragile)

    assert await script.asked() == []
    await assert_finished(owner, feature_id, script, calls=2)


@pytest.mark.timeout(150)
async def test_a_worker_killed_while_models_plan_write_and_repair(fragile: Live) -> None:
    """It has a job in each of these steps."""
    until_killed = [(PLAN | _DELAY, GOOD), (PLAN, GOOD | _DELAY), (PLAN, BROKEN, GOOD | _DELAY)]
    assert len(until_killed) <= JOBS_AT_ONCE
    owners = [await fragile.new_tenant() for _ in until_killed]
    scripts = [await scripted(fragile, of, *answers) for of, answers in zip(owners, until_killed, strict=True)]
    jobs = [await wished(of, files=FILES, model=script.model) for of, script in zip(owners, scripts, strict=True)]
    for calls, script in enumerate(scripts, start=1):
        await script.asked_times(calls)

    await kill(fragile)

    for owner, job, script, answers in zip(owners, jobs, scripts, until_killed, strict=True):
        await assert_finished(owner, job, script, calls=len(answers))


@pytest.mark.timeout(150)
async def test_a_worker_killed_while_it_checks(fragile: Live, owner: Api) -> None:
    script = await scripted(fragile, owner, PLAN, LONG)
    feature_id = await wished(owner, files=LARGE, model=script.model)
    await at_step(owner, feature_id, "checking")

    await kill(fragile)

    await assert_finished(owner, feature_id, script, calls=2)


@pytest.mark.timeout(150)
async def test_a_job_is_not_given_to_workers_without_end(fragile: Live, owner: Api) -> None:
    script = await scripted(fragile, owner, PLAN | {"delay_ms": 60_000})
    feature_id = await wished(owner, files=FILES, model=script.model)
    for delivery in range(1, MAX_DELIVERIES + 1):
        await once(owner, feature_id, lambda found, number=delivery: found["delivery"] == number)  # type: ignore[misc]
        await script.asked_times(1)  # by the first worker; one that is killed before it asks leaves no call to cancel
        await kill(fragile)

    feature = await ended(owner, feature_id)

    assert (feature["state"], feature["error"]["error_type"]) == ("failed", "router_lost")
    assert f"{MAX_DELIVERIES} workers were lost" in feature["error"]["detail"]
    summary = await settled_in_books(owner, jobs=1, calls=1)
    assert summary["features"]["by_error_type"] == {"router_lost": 1}
    assert summary["attempts"]["by_error_type"] == {"cancelled": 1}


@pytest.mark.timeout(150)
async def test_while_no_worker_is_there_jobs_wait_and_answers_are_kept(fragile: Live, owner: Api) -> None:
    """An answer is said while nobody hears it; one job is accepted, and another one cancelled."""
    others = await fragile.new_tenant(), await fragile.new_tenant()
    began = await scripted(fragile, owner, PLAN | {"delay_ms": 500}, GOOD)
    late, unwanted = [await scripted(fragile, of, PLAN, GOOD) for of in others]
    begun_id = await wished(owner, files=FILES, model=began.model)
    await began.asked_times(1)

    await asyncio.to_thread(fragile.stack.stop_program, "features")
    late_id, unwanted_id = [
        await wished(of, files=FILES, model=script.model) for of, script in zip(others, (late, unwanted), strict=True)
    ]
    assert (await others[1].call("DELETE", f"/api/features/{unwanted_id}")).status == 202
    await asyncio.sleep(1)
    waiting = (await others[0].get(f"/api/features/{late_id}")).body
    await asyncio.to_thread(fragile.stack.start_program, "features")

    assert (waiting["state"], waiting["step"]) == ("accepted", None)
    await assert_finished(owner, begun_id, began, calls=2, deliveries=1)
    await assert_finished(others[0], late_id, late, calls=2, deliveries=1)
    assert (await ended(others[1], unwanted_id))["state"] == "cancelled"
    assert await unwanted.asked() == []


@pytest.mark.timeout(150)
async def test_the_books_balance_after_all_of_it(fragile: Live, owner: Api) -> None:
    script = await scripted(fragile, owner, PLAN, GOOD)
    await assert_finished(owner, await wished(owner, files=FILES, model=script.model), script, calls=2, deliveries=1)

    assert (await audit(fragile))["balanced"]
