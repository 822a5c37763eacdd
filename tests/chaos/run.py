"""One run: load and faults side by side, then the wait for quiet, then the judgement."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from tests.chaos import gather, memory, on_record, schedule, tables
from tests.chaos.evidence import HONEST, Evidence, Sample, Struck
from tests.chaos.faults import Planned
from tests.chaos.load import Amount, Load
from tests.chaos.logs import logged_errors
from tests.chaos.patient import gather as patient_gather
from tests.chaos.patient.load import PatientLoad
from tests.chaos.strike import Striker
from tests.chaos.system import System
from tests.chaos.upstream import Upstream

_TELL_EVERY_S = 10.0
_LOAD_ENDS_WITHIN_S = 180.0  # after the schedule: every caller has given up by then


class Order(NamedTuple):
    """minutes: how long the load lasts, 0 for as long as the faults do; then every_s is from one fault to the next."""

    seed: int
    faults: int
    requests: int
    callers: int
    hostile: int
    patient: int
    short: bool = False
    minutes: float = 0.0
    every_s: float = 0.0

    @property
    def planned(self) -> list[Planned]:
        if self.minutes:
            pace = schedule.FULL._replace(every_s=self.every_s)
            return schedule.schedule_within(self.seed, self.minutes * 60, pace)
        return schedule.schedule(self.seed, self.faults, schedule.SHORT if self.short else schedule.FULL)

    @property
    def jobs_workers(self) -> int:
        """Two, where one of them is frozen: the other one has its jobs meanwhile."""
        return 1 if self.short else 2

    @property
    def seconds(self) -> float:
        return self.minutes * 60 if self.minutes else schedule.load_s(self.planned)

    def command(self) -> str:
        asked = f"--requests {self.requests} --callers {self.callers} --hostile {self.hostile} --patient {self.patient}"
        length = (
            f"--minutes {self.minutes:g} --fault-every {self.every_s:g}" if self.minutes else f"--faults {self.faults}"
        )
        return f"python -m tests.chaos --seed {self.seed} {length} {asked}{' --short' * self.short}"


async def carry_out(order: Order, system: System) -> Evidence:
    upstream = Upstream(system.bootstrap_servers, HONEST)
    amount = Amount(order.seed, order.requests, order.callers, order.hostile, order.seconds)
    samples: list[Sample] = []
    async with PatientLoad(system, order.seed, order.patient) as patient:
        load = Load(system, upstream, patient, amount)
        started = time.monotonic()
        struck = await _under_load(started, order, system, load, samples)
        _say(started, f"load ended; {load.counts()}")
        return await _gathered(started, system, load, struck, samples)


async def _under_load(started: float, order: Order, system: System, load: Load, samples: list[Sample]) -> list[Struck]:
    beside = [asyncio.create_task(_tell(started, load)), asyncio.create_task(memory.watch(system.stack, samples))]
    loading = asyncio.create_task(load.run())
    try:
        struck = await _strike_all(started, order.planned, Striker(system, load.upstream), load)
        ends_at = started + order.seconds + _LOAD_ENDS_WITHIN_S
        ended, _ = await asyncio.wait([loading], timeout=ends_at - time.monotonic())
        for done in ended:  # else it is judged by what was asked until now
            done.result()
        return struck
    finally:
        for task in (*beside, loading):
            task.cancel()
        await asyncio.gather(*beside, loading, return_exceptions=True)


async def _strike_all(started: float, planned: Sequence[Planned], striker: Striker, load: Load) -> list[Struck]:
    struck = []
    for plan in planned:
        await asyncio.sleep(max(0.0, started + plan.at_s - time.monotonic()))
        _say(started, f"[bold]{plan.fault}[/bold]; {load.counts()}")
        struck.append(await striker.strike(plan))
        if struck[-1].problem:
            _say(started, f"[red]{struck[-1].problem}[/red]")
    return struck


async def _gathered(
    started: float, system: System, load: Load, struck: list[Struck], samples: list[Sample]
) -> Evidence:
    not_ready = await gather.not_ready(system.stack)
    _say(started, "waiting until batches have ended")
    await patient_gather.batches_ended(load.patient)
    _say(started, "waiting until nothing is open")
    audit = await gather.quiet_audit(system)
    _say(started, "gathering the evidence")
    await gather.look_up(system, load.notes)
    attempts, inferences = await gather.booked(system)
    return Evidence(
        struck=struck,
        notes=load.notes,
        calls=await gather.calls(system.model_server),
        attempts=attempts,
        inferences=inferences,
        audit=audit,
        lives=await on_record.router_lives(system.bootstrap_servers),
        sent=load.upstream.sent,
        dead_letters=await on_record.dead_letter_places(system.bootstrap_servers),
        memory=samples,
        not_ready=not_ready,
        patient=await patient_gather.words(system.patient, load.patient, inferences),
        logged=logged_errors(system.stack.home.logs),
    )


async def _tell(started: float, load: Load) -> None:
    while True:
        await asyncio.sleep(_TELL_EVERY_S)
        _say(started, load.counts())


def _say(started: float, words: str) -> None:
    tables.console.print(f"[{time.monotonic() - started:6.1f} s] {words}")
