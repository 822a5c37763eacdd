"""Pure: what streams have cost and lost, and whether they may."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from benchmarks.budgets import Budget
from benchmarks.figures import percentile, ratio
from benchmarks.load.messages import LoadResult

_DELAY_P50_MS, _DELAY_P99_MS = 1.0, 10.0
_NEAR = 1.1  # what is to be as something else measured in the same run: up to a tenth more


@dataclass(frozen=True)
class Flow:
    """What one load has seen, and cost: cpu_s by process, records by topic."""

    result: LoadResult
    cpu_s: Mapping[str, float]
    records: Mapping[str, int]

    @property
    def is_whole(self) -> bool:
        seen = self.result.streams
        return not (self.result.problems or seen.lost or seen.doubled or seen.unfinished)

    @property
    def records_per_stream(self) -> float:
        return ratio(sum(self.records.values()), self.result.answered)

    @property
    def chunks_per_s(self) -> float:
        return len(self.result.streams.delays_us) / self.result.seconds

    def first_chunk_ms(self, share: float) -> float:
        return percentile(self.result.streams.first_chunk_us, share) / 1000

    def delay_ms(self, share: float) -> float:
        return percentile(self.result.streams.delays_us, share) / 1000


@dataclass(frozen=True)
class Opening:
    """How the same callers begin: ms added to plain calls, and to the first chunk of short streams."""

    callers: int
    plain_ms: float
    first_chunk_ms: float
    short: Flow


def opening_budgets(openings: Iterable[Opening]) -> list[Budget]:
    return [
        Budget(f"first chunk, added p50, {each.callers} at once (budget: a plain call's)", each.first_chunk_ms,
               _NEAR * each.plain_ms, "ms")
        for each in openings
    ]  # fmt: skip


def flow_budgets(direct: Flow, through: Flow, short: Flow) -> list[Budget]:
    """short: streams of a few chunks, which may have no fewer records."""

    def added(of: Callable[[Flow, float], float], share: float) -> float:
        return of(through, share) - of(direct, share)

    seen = through.result.streams
    records = _NEAR * short.records_per_stream
    return [
        Budget("first chunk, added p50, all at once", added(Flow.first_chunk_ms, 0.5), None, "ms"),
        Budget("first chunk, added p99, all at once", added(Flow.first_chunk_ms, 0.99), None, "ms"),
        Budget("each chunk, added p50", added(Flow.delay_ms, 0.5), _DELAY_P50_MS, "ms"),
        Budget("each chunk, added p99", added(Flow.delay_ms, 0.99), _DELAY_P99_MS, "ms"),
        Budget("  directly, p99", direct.delay_ms(0.99), None, "ms"),
        Budget("chunks a second (budget: directly)", through.chunks_per_s, direct.chunks_per_s / _NEAR, "/s",
               at_least=True),
        Budget("chunks lost", seen.lost, 0, ""),
        Budget("chunks that came twice", seen.doubled, 0, ""),
        Budget("streams that did not end whole", through.result.problems + seen.unfinished, 0, ""),
        Budget("records a stream (budget: of a short one)", through.records_per_stream, records, ""),
    ]  # fmt: skip
