"""What the processes hold, over time: sampled, and judged by its first and its last quarter."""

import asyncio
import statistics
import time
import xmlrpc.client
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import psutil

from deploy.local.failure import LocalRunError
from deploy.local.stack import Stack
from tests.chaos.evidence import Sample

_EVERY_S = 2.0
_MIB = 1024 * 1024
_WARM_S = 15.0  # of a process: imports, pools, the first bodies
# Of one process: on a slow machine it warms up for most of a minute, which is no growth. A short run ends before that
# and says nothing of memory.
_JUDGED_FROM_S = 90.0
# A process may hold half more in the end, and what a burst of bodies at the limit leaves behind in the allocator.
GROWS_AT_MOST, AND_MIB = 1.5, 64.0


class Growth(NamedTuple):
    """Of one program over a run, all its processes together. In MiB: medians of the first and the last quarter, the
    most; slope of its longest life in MiB a minute."""

    program: str
    first: float
    last: float
    most: float
    slope: float

    @property
    def is_flat(self) -> bool:
        return self.last <= self.first * GROWS_AT_MOST + AND_MIB


def growths(samples: Iterable[Sample]) -> list[Growth]:
    """Programs of which no process was warm for 90 s are left out."""
    by_program: dict[str, list[Sample]] = defaultdict(list)
    for sample in _warm(samples):
        by_program[sample.program].append(sample)
    judged = {
        program: found
        for program, found in sorted(by_program.items())
        if any(_span_s(life) >= _JUDGED_FROM_S for life in _lives(found))
    }
    return [_growth(program, found) for program, found in judged.items()]


async def watch(stack: Stack, into: list[Sample]) -> None:
    """Until cancelled."""
    started = time.monotonic()
    while True:
        into += await asyncio.to_thread(_samples, stack, time.monotonic() - started)
        await asyncio.sleep(_EVERY_S)


def _samples(stack: Stack, at_s: float) -> list[Sample]:
    samples = []
    try:
        statuses = stack.status()
    except (OSError, LocalRunError, xmlrpc.client.Error):
        return []
    for status in statuses:
        try:
            held = psutil.Process(status.pid).memory_info().rss / _MIB if status.pid else 0.0
        except psutil.Error:
            continue
        if held:
            samples.append(Sample(status.name, status.pid, round(at_s, 1), round(held, 1)))
    return samples


def _warm(samples: Iterable[Sample]) -> list[Sample]:
    since: dict[int, float] = {}
    return [one for one in samples if one.at_s >= since.setdefault(one.pid, one.at_s) + _WARM_S]


def _span_s(samples: Sequence[Sample]) -> float:
    return samples[-1].at_s - samples[0].at_s


def _lives(samples: Iterable[Sample]) -> list[list[Sample]]:
    """Of each process, its own."""
    lives: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        lives[sample.pid].append(sample)
    return list(lives.values())


def _growth(program: str, samples: Sequence[Sample]) -> Growth:
    quarter = max(1, len(samples) // 4)
    return Growth(
        program,
        first=statistics.median(one.rss_mb for one in samples[:quarter]),
        last=statistics.median(one.rss_mb for one in samples[-quarter:]),
        most=max(one.rss_mb for one in samples),
        slope=_slope(max(_lives(samples), key=len)),
    )


def _slope(samples: Sequence[Sample]) -> float:
    if len(samples) < 2:
        return 0.0
    at_minutes = [one.at_s / 60 for one in samples]
    return statistics.linear_regression(at_minutes, [one.rss_mb for one in samples]).slope
