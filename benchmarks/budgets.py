"""Pure: what Tallygate may cost, and whether it does."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import Cpu, Latency, Throughput
from benchmarks.plan import AT_ONCE_MS, TALLYGATE
from benchmarks.system import OURS


@dataclass(frozen=True)
class Budget:
    what: str
    figure: float
    limit: float
    unit: str
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.figure >= self.limit if self.at_least else self.figure <= self.limit


_ADDED_MS = ((1, "p50", 5), (16, "p50", 7), (16, "p99", 20), (64, "p50", 25))
_PER_SECOND = (("first goal", 400), ("then", 750))
_CPU_S = 3.0


def budgets(latency: Sequence[Latency], throughput: Sequence[Throughput], cpu: Sequence[Cpu]) -> list[Budget]:
    """The budgets of the figures that were measured."""
    return [*_added(latency), *_per_second(throughput), *_cpu(cpu)]


def memory_budget(mb: float, calls: int) -> Budget:
    return Budget(f"memory of one router with {calls:,} calls in flight", mb, 300, "MB")


def booking_budget(per_s: float) -> Budget:
    return Budget("events booked by one monitor", per_s, 10_000, "/s", at_least=True)


def ours(by_process: dict[str, float]) -> float:
    """The whole system, broker and database included."""
    return sum(by_process[name] for name in OURS)


def _added(rows: Sequence[Latency]) -> list[Budget]:
    added = {(row.callers, name): value for row in rows if row.target == TALLYGATE
             for name, value in (("p50", row.added_p50_ms), ("p99", row.added_p99_ms))}  # fmt: skip
    return [
        Budget(f"added latency {name}, {callers} caller{'s' * (callers > 1)}", added[callers, name], limit, "ms")
        for callers, name, limit in _ADDED_MS
        if (callers, name) in added
    ]


def _per_second(rows: Sequence[Throughput]) -> list[Budget]:
    ours_at = {row.callers: row.per_s for row in rows if row.target == TALLYGATE and row.callers > 1}
    return [
        Budget(f"requests/s, {callers} callers ({when})", per_s, limit, "/s", at_least=True)
        for callers, per_s in ours_at.items()
        for when, limit in _PER_SECOND
    ]


def _cpu(rows: Sequence[Cpu]) -> list[Budget]:
    return [
        Budget(f"CPU per 1,000 requests, {row.callers} callers", ours(row.by_process), _CPU_S, "s")
        for row in rows
        if row.target == TALLYGATE and row.delay_ms == AT_ONCE_MS and row.callers > 1
    ]
