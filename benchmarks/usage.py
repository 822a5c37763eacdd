"""What processes have used: CPU-seconds, user and system, wake-ups, and memory; each with its children."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from deploy.local.progress import say

_MB = 1_000_000


def cpu_by_process(pids: Mapping[str, int]) -> dict[str, float]:
    """CPU-seconds since each one started."""
    return {name: _cpu_s(psutil.Process(pid)) for name, pid in pids.items()}


def wakeups_by_process(pids: Mapping[str, int]) -> dict[str, int]:
    """How often a thread of each has waited for something; 0 where the system does not tell it (only Linux does)."""
    return {name: sum(_waits(pid)) for name, pid in pids.items()}


def memory_by_process(pids: Mapping[str, int]) -> dict[str, float]:
    """MB. Of a family, the proportional share (where the system tells it): its members share most of their pages."""
    return {name: _memory_mb(psutil.Process(pid)) for name, pid in pids.items()}


def rss_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss / _MB)


def machine_cpu_s() -> float:
    """CPU-seconds that the whole machine has worked."""
    times = psutil.cpu_times()._asdict()
    idle = ("idle", "iowait", "steal", "guest", "guest_nice")  # guests are counted in user already
    return float(sum(value for name, value in times.items() if name not in idle))


class Others:
    """What other programs than these, by name and pid, take of the machine meanwhile."""

    def __init__(self, ours: Mapping[str, int]) -> None:
        self._ours = ours

    @contextmanager
    def told(self, when: str) -> Iterator[None]:
        began, before = time.monotonic(), self._taken_s()
        yield
        share = (self._taken_s() - before) / (time.monotonic() - began) / (os.cpu_count() or 1)
        say(f"  other programs took {max(0.0, share):.0%} of the machine while {when}")

    def _taken_s(self) -> float:
        return machine_cpu_s() - sum(cpu_by_process(self._ours).values())


def _cpu_s(process: psutil.Process) -> float:
    """With children that have ended: a database's connections come and go."""
    total = 0.0
    for member in (process, *process.children(recursive=True)):
        try:
            times = member.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _waits(pid: int) -> Iterator[int]:
    for member in (pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))):
        for status in Path(f"/proc/{member}/task").glob("*/status"):
            with suppress(OSError):  # a thread that has ended meanwhile
                yield int(status.read_text().partition("\nvoluntary_ctxt_switches:")[2].partition("\n")[0] or 0)


def _memory_mb(process: psutil.Process) -> float:
    children = process.children(recursive=True)
    if not children:
        return rss_mb(process.pid)
    return sum(_share_mb(member) for member in (process, *children))


def _share_mb(process: psutil.Process) -> float:
    try:
        full = process.memory_full_info()
    except psutil.Error:
        return 0.0
    return float(getattr(full, "pss", full.rss) / _MB)
