"""One run: load and faults side by side, then the wait for quiet, then the judgement."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.chaos import gather, schedule, tables
from tests.chaos.callers import Callers
from tests.chaos.evidence import Evidence, Struck
from tests.chaos.faults import Planned
from tests.chaos.logs import logged_errors
from tests.chaos.strike import Striker
from tests.chaos.system import System

_TELL_EVERY_S = 10.0
_LOAD_ENDS_WITHIN_S = 180.0  # after the schedule: every caller has given up by then


class Order(NamedTuple):
    seed: int
    faults: int
    requests: int
    callers: int
    short: bool

    @property
    def planned(self) -> list[Planned]:
        return schedule.schedule(self.seed, self.faults, schedule.SHORT if self.short else schedule.FULL)

    def command(self) -> str:
        short = " --short" if self.short else ""
        return (f"python -m tests.chaos --seed {self.seed} --faults {self.faults} --requests {self.requests} "
                f"--callers {self.callers}{short}")  # fmt: skip


async def carry_out(order: Order, system: System) -> Evidence:
    planned = order.planned
    seconds = schedule.load_s(planned)
    callers = Callers(
        system.session, system.gateway_url, str(system.tenant.key), order.seed, order.requests, seconds
    )  # fmt: skip
    started = time.monotonic()
    telling = asyncio.create_task(_tell(started, callers))
    loading = asyncio.create_task(callers.run(order.callers))
    try:
        struck = await _strike_all(started, planned, Striker(system.stack, system.line), callers)
        await asyncio.wait_for(loading, _LOAD_ENDS_WITHIN_S)
    finally:
        telling.cancel()
        loading.cancel()
        await asyncio.gather(telling, loading, return_exceptions=True)
    return await _gathered(started, system, callers, struck)


async def _strike_all(
    started: float, planned: Sequence[Planned], striker: Striker, callers: Callers
) -> list[Struck]:  # fmt: skip
    struck = []
    for plan in planned:
        await asyncio.sleep(max(0.0, started + plan.at_s - time.monotonic()))
        _say(started, f"[bold]{plan.fault}[/bold]; {callers.counts()}")
        struck.append(await striker.strike(plan))
        if struck[-1].problem:
            _say(started, f"[red]{struck[-1].problem}[/red]")
    return struck


async def _gathered(started: float, system: System, callers: Callers, struck: list[Struck]) -> Evidence:
    _say(started, f"load ended; {callers.counts()}")
    not_ready = await gather.not_ready(system)
    _say(started, "waiting until nothing is open")
    audit = await gather.quiet_audit(system)
    _say(started, "gathering the evidence")
    await gather.look_up(system, callers.notes)
    attempts, inferences = await gather.booked(system)
    return Evidence(
        struck=struck,
        notes=callers.notes,
        calls=await gather.calls(system),
        attempts=attempts,
        inferences=inferences,
        audit=audit,
        not_ready=not_ready,
        logged=logged_errors(system.stack.home.logs),
    )


async def _tell(started: float, callers: Callers) -> None:
    while True:
        await asyncio.sleep(_TELL_EVERY_S)
        _say(started, callers.counts())


def _say(started: float, words: str) -> None:
    tables.console.print(f"[{time.monotonic() - started:6.1f} s] {words}")
