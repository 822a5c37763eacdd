"""Pure: what Tallygate may cost, and whether it does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.figures import Figures, ratio
from benchmarks.plan import AT_ONCE_MS
from benchmarks.system import OURS


@dataclass(frozen=True)
class Budget:
    """limit None: shown beside the others, and not limited. goal: what comes after the limit."""

    what: str
    figure: float
    limit: float | None
    unit: str
    at_least: bool = False
    goal: float | None = None

    @property
    def ratio(self) -> float | None:
        return ratio(self.figure, self.limit) if self.limit else None

    @property
    def met(self) -> bool | None:
        return self._meets(self.limit)

    @property
    def goal_met(self) -> bool | None:
        return self._meets(self.goal)

    def _meets(self, limit: float | None) -> bool | None:
        if limit is None:
            return None
        return self.figure >= limit if self.at_least else self.figure <= limit


@dataclass(frozen=True)
class Reference:
    """TensorZero with PostgreSQL synchronous, by callers: the fastest that keeps a record. Ours are ratios to it."""

    said: str
    added_p50_ms: Mapping[int, float]
    added_p99_ms: Mapping[int, float]
    per_s: Mapping[int, float]

    @classmethod
    def of(cls, measured: Figures) -> "Reference":
        return cls(
            said=f"{measured.target}, in this run",
            added_p50_ms={callers: row.added_p50_ms for callers, row in measured.latency.items()},
            added_p99_ms={callers: row.added_p99_ms for callers, row in measured.latency.items()},
            per_s={callers: row.per_s for callers, row in measured.throughput.items()},
        )


ELSEWHERE = Reference(
    said="tensorzero on a machine of two cores, 2026-11-29; `make bench PEERS=1` measures it here",
    added_p50_ms={1: 4.4, 16: 8.1, 64: 22.0},
    added_p99_ms={1: 8.0, 16: 23.0, 64: 54.0},
    per_s={16: 924.0, 64: 892.0},
)

_FIRST = 2.0  # times the reference; the goal is once
_P99_LIMITED = (16,)
_PER_S_LIMITED = (64,)
_CPU_S = {16: 2.5, 64: 1.8}
_CPU_GOAL_S = 1.3
_REST_PERCENT = 3.0


def budgets(ours: Figures, rest_percent: Mapping[str, float], reference: Reference) -> list[Budget]:
    """Of the figures that were measured. rest_percent: of a core, by process, while nobody asks for anything."""
    return [*_added(ours, reference), *_per_s(ours, reference), *_cpu(ours), *_rest(rest_percent)]


def memory_budget(mb: float, what: str) -> Budget:
    return Budget(f"memory of one router with {what}", mb, 300, "MB")


def booking_budget(per_s: float) -> Budget:
    return Budget("events booked by one monitor", per_s, 10_000, "/s", at_least=True)


def _added(ours: Figures, reference: Reference) -> list[Budget]:
    rows = []
    for callers, row in ours.latency.items():
        p50, p99 = reference.added_p50_ms.get(callers), reference.added_p99_ms.get(callers)
        rows.append(_added_row("p50", callers, row.added_p50_ms, p50))
        rows.append(_added_row("p99", callers, row.added_p99_ms, p99 if callers in _P99_LIMITED else None))
    return rows


def _added_row(name: str, callers: int, added_ms: float, theirs_ms: float | None) -> Budget:
    limit = None if theirs_ms is None else _FIRST * theirs_ms
    return Budget(f"added latency {name}, {_said(callers)}", added_ms, limit, "ms", goal=theirs_ms)


def _per_s(ours: Figures, reference: Reference) -> list[Budget]:
    limits = {callers: per_s for callers, per_s in reference.per_s.items() if callers in _PER_S_LIMITED}
    return [
        Budget(f"requests/s, {_said(callers)}", row.per_s, limits.get(callers), "/s", at_least=True,
               goal=limits.get(callers))
        for callers, row in ours.throughput.items() if callers > 1
    ]  # fmt: skip


def _cpu(ours: Figures) -> list[Budget]:
    rows = []
    for (callers, delay_ms), row in ours.cpu.items():
        if delay_ms == AT_ONCE_MS and callers > 1:
            what = f"CPU per 1,000 requests, {_said(callers)}"
            limit = _CPU_S.get(callers)
            rows.append(Budget(what, row.own, limit, "s", goal=None if limit is None else _CPU_GOAL_S))
            rows += [Budget(f"  {name}", row.by_process[name], None, "s") for name in OURS]
    return rows


def _rest(rest_percent: Mapping[str, float]) -> list[Budget]:
    if not rest_percent:
        return []
    parts: Sequence[Budget] = [Budget(f"  {name}", percent, None, "%") for name, percent in rest_percent.items()]
    services = sum(percent for name, percent in rest_percent.items() if name != "kafka")
    return [Budget("at rest, of a core, without the broker", services, _REST_PERCENT, "%"), *parts]


def _said(callers: int) -> str:
    return f"{callers} caller{'s' * (callers > 1)}"
