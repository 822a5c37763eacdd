"""`python -m benchmarks memory`: how much one router needs while many calls are in flight."""

import time
from dataclasses import dataclass

from benchmarks import usage
from benchmarks.budgets import memory_budget
from benchmarks.load.messages import LoadResult
from benchmarks.system import System, running_system
from benchmarks.tables import budget_table, console
from benchmarks.truth import audit
from deploy.local.progress import say, step

_LASTS_S = 20
_MODEL = f"after-{_LASTS_S * 1000}"
_ALL_SENT_S = 15.0  # less than the model takes, so that every caller calls once
_STEADY_S = 2.0
_ENDS_S = 3.0  # before the first call is over
_POLL_S = 0.2


@dataclass(frozen=True)
class Memory:
    """MB of the router (gateway_mb: of the gateway while they are in flight), and how many calls the endpoint had open.
    result: what the callers saw."""

    calls: int
    in_flight: int
    before_mb: float
    in_flight_mb: float
    after_mb: float
    gateway_mb: float
    result: LoadResult

    @property
    def most_mb(self) -> float:
        return max(self.in_flight_mb, self.after_mb)

    @property
    def is_whole(self) -> bool:
        return self.result.succeeded == self.calls == self.in_flight and not self.result.problems

    def sentence(self) -> str:
        return (
            f"Router: {self.before_mb:.0f} MB idle, {self.in_flight_mb:.0f} MB with {self.in_flight:,} in flight, "
            f"{self.after_mb:.0f} MB after; gateway {self.gateway_mb:.0f} MB. "
            f"{self.result.succeeded:,} of {self.calls:,} answered."
        )


def run(calls: int) -> bool:
    with running_system([_MODEL]) as system:
        memory = measured(system, _MODEL, calls, _LASTS_S)
        system.api.wait_booked(memory.result.succeeded)
        balanced = bool(audit(system)["balanced"])
    console.print(budget_table([memory_budget(memory.most_mb, f"{memory.in_flight:,} calls in flight")]))
    console.print(f"{memory.sentence()} The audit says {'balanced' if balanced else 'NOT balanced'}.")
    return balanced and memory.is_whole


def measured(system: System, model: str, calls: int, lasts_s: float, chunks: int = 0) -> Memory:
    """While so many calls of a model are in flight, each for so long. chunks: of streams; 0: plain calls."""
    router, gateway = system.pids["router"], system.pids["gateway"]
    before_mb = usage.rss_mb(router)
    order = system.target.order(
        model, callers=calls, chunks=chunks, warm_s=0, seconds=_ALL_SENT_S, spread_s=_ALL_SENT_S / 2, grace_s=90
    )
    system.stage.load.start(order)
    with step(f"{calls:,} in flight"):
        in_flight = _wait_in_flight(system, calls, lasts_s - _STEADY_S - _ENDS_S)
        time.sleep(_STEADY_S)
        in_flight_mb, gateway_mb = usage.rss_mb(router), usage.rss_mb(gateway)
    with step("all answered"):
        result = system.stage.load.result()
    if result.problems:
        say(f"{result.problems} calls went wrong: {result.statuses}, {result.lost} lost, {result.unanswered} open")
    return Memory(
        calls=calls,
        in_flight=in_flight,
        before_mb=before_mb,
        in_flight_mb=in_flight_mb,
        after_mb=usage.rss_mb(router),
        gateway_mb=gateway_mb,
        result=result,
    )


def _wait_in_flight(system: System, calls: int, within_s: float) -> int:
    """How many calls the endpoint has open; fewer than asked for when the time is over."""
    deadline = time.monotonic() + within_s
    while (open_calls := int(system.stage.ledger()["open"])) < calls and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return open_calls
