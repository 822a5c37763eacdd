"""A monitor that is frozen while it recovers keeps the others from it until its lease ends, and no longer."""

import asyncio
import os
import signal
from typing import Any

import asyncpg
import pytest

from tests.integration.test_recovery import answer_at_once, audit, in_flight
from tests.support.live import Live

_IN_FLIGHT = 5


async def recovering(connection: Any) -> int:
    """The process id of the monitor that has the lease; instances are called <host>-<pid>-<random>."""
    async with asyncio.timeout(40):
        while (holder := await connection.fetchval("SELECT holder FROM monitor.leases")) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return int(holder.rpartition("#")[0].split("-")[-2])


@pytest.mark.timeout(200)
async def test_what_a_frozen_monitor_was_about_to_recover_another_one_recovers(configured_stack: Live) -> None:
    live, tenant = configured_stack, await configured_stack.new_tenant()
    model = await tenant.add_model("model", live.model_server_url, "fault-hang", timeout_s=100)
    told = {"x-tallygate-deadline-s": "110"}
    calls = [asyncio.create_task(tenant.chat(model, f"call {n}", headers=told)) for n in range(_IN_FLIGHT)]
    await in_flight(live, _IN_FLIGHT)
    connection: Any = await asyncpg.connect(live.environment["DATABASE_URL"])
    try:
        async with connection.transaction():  # whoever recovers waits for this table, in the middle of its turn
            await connection.execute("LOCK TABLE monitor.redeliveries IN ACCESS EXCLUSIVE MODE")
            live.stack.signal_program("router", signal.SIGKILL)
            frozen = await recovering(connection)
            os.kill(frozen, signal.SIGSTOP)
        await answer_at_once(tenant, model)
        try:
            async with asyncio.timeout(60):
                answers = await asyncio.gather(*calls)
        finally:
            os.kill(frozen, signal.SIGCONT)
    finally:
        await connection.close()
    assert [answer.status for answer in answers] == [200] * _IN_FLIGHT
    await asyncio.sleep(3)  # it goes on, and says nothing of what it had decided
    summary = await tenant.monitoring(total=_IN_FLIGHT)
    assert summary["attempts"]["by_error_type"] == {"router_lost": _IN_FLIGHT}
    assert (summary["attempts"]["total"], summary["requests"]["succeeded"]) == (2 * _IN_FLIGHT, _IN_FLIGHT)
    report = await audit(live)
    assert report["balanced"], report
    assert report["swept"] == {"inferences": 0, "attempts": 0, "ids": []}
