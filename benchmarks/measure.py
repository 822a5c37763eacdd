"""Measure one point after the other; after each one through Tallygate, wait until its books are written."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from benchmarks import usage
from benchmarks.load.messages import LoadResult
from benchmarks.plan import MODELS, TALLYGATE, Point, round_points, warm_up_points
from benchmarks.stage import Stage
from benchmarks.target import Target

WARM_S = 0.3  # at the start of each point, for its connections
_WARM_UP_S = 2.0  # of each target before the first round: a cold JVM is not what is measured


@dataclass(frozen=True)
class Options:
    seconds: float
    rounds: int
    callers: tuple[int, ...]


@dataclass(frozen=True)
class Measurement:
    """One point in one round (0: warming up). `cpu_s` and `wakeups`: by process, until everything was booked.

    received: calls that the endpoint got. others: share of the machine that programs other than ours took.
    """

    round: int
    point: Point
    result: LoadResult
    cpu_s: dict[str, float]
    wakeups: dict[str, int]
    received: int
    others: float


@dataclass
class Bench:
    """Targets that take turns. wait_booked: returns when so many inferences are settled in Tallygate's books."""

    stage: Stage
    targets: Sequence[Target]
    options: Options
    wait_booked: Callable[[int], None] = lambda _: None
    settled: int = field(default=0, init=False)

    @property
    def steps(self) -> list[tuple[int, Point]]:
        """Rounds and their points; in round 0 all are warmed up."""
        names = [target.name for target in self.targets]
        rounds = range(1, self.options.rounds + 1)
        return [(0, point) for point in warm_up_points(names)] + [
            (number, point) for number in rounds for point in round_points(names, self.options.callers)
        ]

    def run(self, on_point: Callable[[int, Point], None]) -> list[Measurement]:
        measured = []
        for number, point in self.steps:
            on_point(number, point)
            measured.append(self._measure(number, point))
        return measured

    def _measure(self, number: int, point: Point) -> Measurement:
        seconds = self.options.seconds if number else _WARM_UP_S
        target = next(target for target in self.targets if target.name == point.target)
        order = target.order(MODELS[point.delay_ms], callers=point.callers, warm_s=WARM_S, seconds=seconds)
        pids = self.stage.pids | {name: pid for each in self.targets for name, pid in each.pids.items()}
        before = _Reading(self.stage, pids)
        result = self.stage.load.run(order)
        if point.target == TALLYGATE:
            self.settled += result.succeeded
            self.wait_booked(self.settled)
        after = _Reading(self.stage, pids)
        cpu_s = {name: after.cpu_s[name] - before.cpu_s[name] for name in pids}
        return Measurement(
            round=number,
            point=point,
            result=result,
            cpu_s=cpu_s,
            wakeups={name: after.wakeups[name] - before.wakeups[name] for name in pids},
            received=after.received - before.received,
            others=_others(before, after, sum(cpu_s.values())),
        )


class _Reading:
    def __init__(self, stage: Stage, pids: dict[str, int]) -> None:
        self.cpu_s = usage.cpu_by_process(pids)
        self.wakeups = usage.wakeups_by_process(pids)
        self.machine_s = usage.machine_cpu_s()
        self.at = monotonic()
        self.received: int = stage.ledger()["total"]


def _others(before: _Reading, after: _Reading, ours_s: float) -> float:
    worked_s = after.machine_s - before.machine_s - ours_s
    return max(0.0, worked_s / ((after.at - before.at) * (os.cpu_count() or 1)))
