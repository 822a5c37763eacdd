"""`python -m benchmarks memory`: how much one router needs while many calls are in flight."""

import time
from dataclasses import dataclass

from benchmarks import usage
from benchmarks.budgets import Budget, memory_budget
from benchmarks.plan import TALLYGATE
from benchmarks.system import System, running_system
from benchmarks.tables import budget_table, console
from benchmarks.truth import audit
from deploy.local.progress import say, step

_MODEL = "demo-delay-20000"
_ALL_SENT_S = 15.0  # less than the model takes, so that every caller calls once
_STEADY_S = 2.0
_POLL_S = 0.2


@dataclass(frozen=True)
class Memory:
    """MB of the router (gateway_mb: of the gateway) and how many calls the model server had open."""

    in_flight: int
    before_mb: float
    in_flight_mb: float
    after_mb: float
    gateway_mb: float
    answered: int
    balanced: bool

    @property
    def budget(self) -> Budget:
        return memory_budget(max(self.in_flight_mb, self.after_mb), self.in_flight)


def run(calls: int) -> bool:
    with running_system([_MODEL]) as system:
        memory = _measured(system, calls)
    console.print(budget_table([memory.budget]))
    console.print(
        f"Router: {memory.before_mb:.0f} MB idle, {memory.in_flight_mb:.0f} MB with {memory.in_flight:,} calls in "
        f"flight, {memory.after_mb:.0f} MB after; gateway {memory.gateway_mb:.0f} MB. {memory.answered:,} of "
        f"{calls:,} answered; the audit says {'balanced' if memory.balanced else 'NOT balanced'}."
    )
    return memory.balanced and memory.answered == calls == memory.in_flight


def _measured(system: System, calls: int) -> Memory:
    router = system.pids["router"]
    before_mb = usage.rss_mb(router)
    system.load.start(system.order(TALLYGATE, _MODEL, callers=calls, warm_s=0, seconds=_ALL_SENT_S, grace_s=90))
    with step(f"{calls:,} calls in flight"):
        in_flight = _wait_in_flight(system, calls)
        time.sleep(_STEADY_S)
        in_flight_mb = usage.rss_mb(router)
    with step("all answered and booked"):
        result = system.load.result()
        system.api.wait_booked(result.succeeded)
    if result.problems:
        say(f"{result.problems} calls went wrong: {result.statuses}, {result.lost} lost, {result.unanswered} open")
    return Memory(
        in_flight=in_flight,
        before_mb=before_mb,
        in_flight_mb=in_flight_mb,
        after_mb=usage.rss_mb(router),
        gateway_mb=usage.rss_mb(system.pids["gateway"]),
        answered=result.succeeded,
        balanced=audit(system)["balanced"],
    )


def _wait_in_flight(system: System, calls: int) -> int:
    """How many calls the model server has open; fewer than asked for when the time is over."""
    deadline = time.monotonic() + _ALL_SENT_S
    while (open_calls := int(system.api.ledger()["open"])) < calls and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return open_calls
