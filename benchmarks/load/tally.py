"""What all callers of one load have seen."""

from array import array
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.load.messages import LoadResult, StreamsSeen

MAX_LOST = 1000


@dataclass(slots=True)
class Tally:
    """Times are of `time.perf_counter`."""

    counts_from: float
    ends_at: float
    statuses: Counter[int] = field(default_factory=Counter)
    latencies_us: "array[int]" = field(default_factory=lambda: array("L"))
    lost: int = 0
    streams: StreamsSeen = field(default_factory=StreamsSeen)

    def answered(self, status: int, sent_at: float, at: float) -> None:
        self.statuses[status] += 1
        if status == 200 and self.counts_from <= at <= self.ends_at:
            self.latencies_us.append(int((at - sent_at) * 1_000_000))

    def goes_on(self, at: float) -> bool:
        return at < self.ends_at and self.lost < MAX_LOST

    def result(self, unanswered: int) -> LoadResult:
        return LoadResult(
            statuses={str(status): count for status, count in self.statuses.items()},
            lost=self.lost,
            unanswered=unanswered,
            seconds=self.ends_at - self.counts_from,
            latencies_us=self.latencies_us.tolist(),
            streams=self.streams,
        )
