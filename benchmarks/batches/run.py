"""Both parts, each on a system of its own, and their tables."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from rich.table import Table

from benchmarks.batches import beside, proof
from benchmarks.batches.lines import asked_lines
from benchmarks.batches.promises import judged
from benchmarks.budgets import Budget
from benchmarks.system import System, running_system
from benchmarks.tables import budget_table, console
from tests.chaos.repeats import in_flight
from tests.chaos.tables import show_promises
from tests.support.live import ModelServer, running_model_server_process

_BESIDE_LINES = 20_000


class Order(NamedTuple):
    """kills: of each program. turns: without and with a batch, each for so many seconds; 0 leaves them out.
    bulk_per_s: of the router, beside people; None: its default."""

    lines: int
    faults: float
    kills: int
    within_s: float
    turns: int
    callers: int
    seconds: float
    bulk_per_s: float | None

    @property
    def settings(self) -> dict[str, str]:
        return {} if self.bulk_per_s is None else {"TALLYGATE_ROUTER_BULK_PER_S": str(self.bulk_per_s)}


def run(order: Order) -> bool:
    """False when a promise was broken or an answer missing. A ratio that is too high is a figure."""
    kept = True
    if order.turns:
        kept &= _run_beside(order)
    if order.lines:
        kept &= _run_proof(order)
    return kept


def _run_beside(order: Order) -> bool:
    with _running(order, beside.PEOPLES_MODEL) as (system, _):
        lines = asked_lines(_BESIDE_LINES, order.faults)
        found = beside.measured(system, lines, order.turns, order.callers, order.seconds)
    console.print(_beside_table(found, order.callers))
    console.print(budget_table([Budget("p50 of people beside a batch", found.ratio, beside.MOST_RATIO, "times")]))
    return found.is_whole


def _run_proof(order: Order) -> bool:
    with _running(order) as (system, model_server):
        asked = asked_lines(order.lines, order.faults)
        found = proof.carried_out(system, model_server, asked, order.kills, order.within_s)
    promises = judged(found.asked, found.ended, found.evidence)
    console.print(_kills_table(found))
    console.print(f"{len(asked):,} lines in {found.seconds:.0f} s.")
    show_promises("A batch", promises)
    return all(promise.kept for promise in promises)


@contextmanager
def _running(order: Order, *models: str) -> Iterator[tuple[System, ModelServer]]:
    with (
        running_model_server_process() as model_server,
        running_system(models, beside=("jobs",), settings=order.settings) as system,
    ):
        proof.register(system, model_server)
        yield system, model_server


def _beside_table(found: beside.Beside, callers: int) -> Table:
    table = Table(title=f"People beside a batch: {callers} callers, their model answering in 50 ms")
    for column in ("", "p50 of each turn, ms", "p50 ms", "p99 ms", "answered", "lines/s"):
        table.add_column(column, justify="left" if not column else "right")
    for name, turns in (("without", found.without), ("beside", found.beside)):
        table.add_row(
            name,
            ", ".join(f"{turn.ms(0.5):.1f}" for turn in turns),
            f"{beside.pooled_ms(turns, 0.5):.1f}",
            f"{beside.pooled_ms(turns, 0.99):.1f}",
            f"{sum(len(turn.result.latencies_us) for turn in turns):,}",
            f"{beside.lines_per_s(turns):.0f}",
        )
    return table


def _kills_table(found: proof.Proof) -> Table:
    table = Table(title="What was killed", title_justify="left")
    for column in ("at", "fault", "back after", "lines in its hands"):
        table.add_column(column, justify="left" if column == "fault" else "right")
    held = in_flight(found.evidence)
    for place, struck in enumerate(found.evidence.struck):
        table.add_row(
            f"{struck.planned.at_s:.0f} s",
            str(struck.planned.fault),
            f"{(struck.ended_at - struck.hit_at).total_seconds():.1f} s",
            str(len(held[place])) if place in held else "",
        )
    return table
