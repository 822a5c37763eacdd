"""Measure one point after the other; after each one through Tallygate, wait until its books are written."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from benchmarks import usage
from benchmarks.load.messages import LoadResult
from benchmarks.plan import MODELS, TALLYGATE, Point, round_points, warm_up_points
from benchmarks.system import System

WARM_S = 0.3  # at the start of each point, for its connections
_WARM_UP_S = 2.0  # of each target before the first round: a cold JVM is not what is measured


@dataclass(frozen=True)
class Options:
    seconds: float
    rounds: int
    callers: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """One point in one round (0: warming up). `cpu_s`: by process, until everything was booked.

    received: calls that the model server got. others: share of the machine that programs other than ours took.
    """

    round: int
    point: Point
    result: LoadResult
    cpu_s: dict[str, float]
    received: int
    others: float


@dataclass
class Bench:
    system: System
    options: Options
    pids: dict[str, int]
    settled: int = 0
    request_ids: list[str | None] = field(default_factory=list)

    def run(self, on_point: Callable[[int, Point], None]) -> list[Measurement]:
        points = [(0, point) for point in warm_up_points()]
        for number in range(1, self.options.rounds + 1):
            points += [(number, point) for point in round_points(self.options.callers)]
        measured = []
        for number, point in points:
            on_point(number, point)
            measured.append(self._measure(number, point))
        return measured

    def _measure(self, number: int, point: Point) -> Measurement:
        seconds = self.options.seconds if number else _WARM_UP_S
        order = self.system.order(
            point.target, MODELS[point.delay_ms], callers=point.callers, warm_s=WARM_S, seconds=seconds
        )
        before = _Reading(self)
        result = self.system.load.run(order)
        if point.target == TALLYGATE:
            self.settled += result.succeeded
            self.system.api.wait_booked(self.settled)
        after = _Reading(self)
        if point.target == TALLYGATE:
            self.request_ids += self.system.api.ledger_request_ids(before.received)
        cpu_s = {name: after.cpu_s[name] - before.cpu_s[name] for name in self.pids}
        return Measurement(
            round=number,
            point=point,
            result=result,
            cpu_s=cpu_s,
            received=after.received - before.received,
            others=_others(before, after, sum(cpu_s.values())),
        )


class _Reading:
    def __init__(self, bench: Bench) -> None:
        self.cpu_s = usage.cpu_by_process(bench.pids)
        self.machine_s = usage.machine_cpu_s()
        self.at = monotonic()
        self.received: int = bench.system.api.ledger()["total"]


def _others(before: _Reading, after: _Reading, ours_s: float) -> float:
    worked_s = after.machine_s - before.machine_s - ours_s
    return max(0.0, worked_s / ((after.at - before.at) * (os.cpu_count() or 1)))


def steps(options: Options) -> int:
    return len(warm_up_points()) + options.rounds * len(round_points(options.callers))
