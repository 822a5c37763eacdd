"""Streams at once through the whole path, beside the same streams directly.

The endpoint writes into each chunk its number and when it was sent, by the machine's monotonic clock, which the reader
compares with its own: so each chunk's delay is measured, and whether each came once.
"""

from collections.abc import Iterable

from rich.table import Table

from benchmarks import memory, usage
from benchmarks.budgets import memory_budget
from benchmarks.endpoint.behaviour import stream_model
from benchmarks.figures import percentile, ratio
from benchmarks.load.messages import LoadResult
from benchmarks.plan import LATER_MS, MODELS
from benchmarks.records import record_counts
from benchmarks.streams.flow import Flow, Opening, flow_budgets, opening_budgets
from benchmarks.system import System, running_system
from benchmarks.tables import budget_table, console
from benchmarks.target import Target
from benchmarks.truth import audit
from deploy.local.progress import say, step

_PER_S = 50  # chunks of each stream
_SHORT = 5  # chunks: of a stream that is soon over
_HELD_S = 60  # with a chunk a second: longer than it takes until all are open
_WARM_S = 1.0
_SPREAD_S = 4.1  # in which many streams begin, each at another moment between two chunks of the others
_CALLERS = (1, 16)

_SHORT_MODEL = stream_model(LATER_MS, _SHORT, _PER_S)
_HELD_MODEL = stream_model(LATER_MS, _HELD_S, 1)


def run(streams: int, seconds: float, held: int) -> bool:
    """False when a chunk was lost or came twice, a stream did not end, or the books do not balance."""
    chunks = int(_PER_S * (_WARM_S + _SPREAD_S + seconds + 2))
    model = stream_model(LATER_MS, chunks, _PER_S)
    with running_system([MODELS[LATER_MS], _SHORT_MODEL, model, _HELD_MODEL]) as system:
        bench = _Bench(system)
        openings = [bench.opening(callers, seconds) for callers in _CALLERS]
        with step(f"{streams} streams directly"):
            direct = bench.streamed(system.stage.direct, model, chunks, streams, seconds)
        with step(f"{streams} streams through Tallygate"):
            through = bench.streamed(system.target, model, chunks, streams, seconds)
        holding = memory.measured(system, _HELD_MODEL, held, _HELD_S, chunks=_HELD_S) if held else None
        with step("audit"):
            bench.wait_booked(holding.result if holding else None)
            balanced = bool(audit(system)["balanced"])
    flows = [*(opening.short for opening in openings), direct, through]
    rows = [*opening_budgets(openings), *flow_budgets(direct, through, openings[0].short)]
    if holding is not None:
        rows.append(memory_budget(holding.most_mb, f"{holding.in_flight:,} streams in flight"))
    console.print(budget_table(rows, f"Streams: {streams} at once, {_PER_S} chunks/s each"))
    console.print(_cost_table(through))
    if holding is not None:
        console.print(holding.sentence())
    console.print(f"The audit says {'balanced' if balanced else 'NOT balanced'}.")
    return balanced and all(flow.is_whole for flow in flows) and (holding is None or holding.is_whole)


class _Bench:
    def __init__(self, system: System) -> None:
        self._system = system
        self._settled = 0

    def opening(self, callers: int, seconds: float) -> Opening:
        with step(f"plain calls and short streams, {callers} at once"):
            direct, ours = self._system.stage.direct, self._system.target
            plain = [self._load(target, MODELS[LATER_MS], 0, callers, seconds).result for target in (direct, ours)]
            short = [self._load(target, _SHORT_MODEL, _SHORT, callers, seconds) for target in (direct, ours)]
        return Opening(
            callers,
            plain_ms=_added(percentile(result.latencies_us, 0.5) / 1000 for result in plain),
            first_chunk_ms=_added(flow.first_chunk_ms(0.5) for flow in short),
            short=short[1],
        )

    def streamed(self, target: Target, model: str, chunks: int, streams: int, seconds: float) -> Flow:
        """Streams that begin one after the other, and all go on until the end."""
        return self._load(target, model, chunks, streams, seconds, spread_s=_SPREAD_S, warm_s=_SPREAD_S + _WARM_S)

    def wait_booked(self, more: LoadResult | None = None) -> None:
        self._settled += more.succeeded if more else 0
        self._system.api.wait_booked(self._settled)

    def _load(
        self, target: Target, model: str, chunks: int, callers: int, seconds: float, *,
        spread_s: float = 0.0, warm_s: float = _WARM_S,
    ) -> Flow:  # fmt: skip
        order = target.order(model, callers=callers, chunks=chunks, seconds=seconds, warm_s=warm_s, spread_s=spread_s)
        pids, servers = self._system.pids | self._system.stage.pids, self._system.bootstrap_servers
        cpu_s, records = usage.cpu_by_process(pids), record_counts(servers)
        result = self._system.stage.load.run(order)
        if target.name == self._system.target.name:
            self.wait_booked(result)
        now_s, now = usage.cpu_by_process(pids), record_counts(servers)
        flow = Flow(
            result,
            {name: now_s[name] - before_s for name, before_s in cpu_s.items()},
            {topic: now[topic] - before for topic, before in records.items()},
        )
        if result.problems:
            say(f"{result.problems} calls went wrong: {result.statuses}, {result.lost} lost, {result.unanswered} open")
        return flow


def _added(ms: Iterable[float]) -> float:
    """Of direct calls and of ours."""
    direct, ours = ms
    return ours - direct


def _cost_table(flow: Flow) -> Table:
    chunks = flow.result.streams.chunks
    table = Table(title=f"CPU-seconds per 1,000 chunks, of {chunks:,}", title_justify="left")
    for name in flow.cpu_s:
        table.add_column(name, justify="right")
    table.add_row(*(f"{ratio(1000 * used, chunks):.4f}" for used in flow.cpu_s.values()))
    return table
