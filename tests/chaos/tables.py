"""What happened and what held, for people."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.chaos.evidence import Evidence, Struck
from tests.chaos.memory import growths
from tests.chaos.promise import Promise
from tests.chaos.repeats import in_flight

_LEAST_WIDTH = 120
_WRONG_SHOWN = 8

console = Console(soft_wrap=True, highlight=False)
console.width = max(console.width, _LEAST_WIDTH)


def show(seed: int, evidence: Evidence, promises: Sequence[Promise]) -> None:
    console.print(_schedule(seed, evidence))
    console.print(_memory(seed, evidence))
    show_promises(f"Seed {seed}", promises)


def show_promises(title: str, promises: Sequence[Promise]) -> None:
    console.print(_promises(title, promises))
    for promise in promises:
        for wrong in promise.wrong[:_WRONG_SHOWN]:
            console.print(f"[red]✗[/red] {promise.name}: {escape(wrong)}")
        if len(promise.wrong) > _WRONG_SHOWN:
            console.print(f"  and {len(promise.wrong) - _WRONG_SHOWN} more")


def _schedule(seed: int, evidence: Evidence) -> Table:
    table = Table(title=f"Seed {seed}: the faults", title_justify="left")
    for column in ("planned at", "done at", "fault", "pid", "in its hands", "effect"):
        table.add_column(column, justify="left" if column in ("fault", "effect") else "right")
    held = in_flight(evidence)
    for place, struck in enumerate(evidence.struck):
        table.add_row(f"{struck.planned.at_s:.1f} s", f"{struck.began_at:%H:%M:%S.%f}"[:-3],
                      str(struck.planned.fault), str(struck.pid or ""),
                      str(len(held[place])) if place in held else "", _effect(struck))  # fmt: skip
    return table


def _effect(struck: Struck) -> str:
    if struck.left_out is not None:
        return f"[yellow]left out: {escape(struck.left_out)}[/yellow]"
    return f"[red]{escape(struck.problem)}[/red]" if struck.problem else struck.effect


def _memory(seed: int, evidence: Evidence) -> Table:
    table = Table(title=f"Seed {seed}: memory in MiB, of all lives of a program", title_justify="left")
    for column in ("program", "first quarter", "last quarter", "most", "a minute, in the longest life"):
        table.add_column(column, justify="left" if column == "program" else "right")
    for one in growths(evidence.memory):
        table.add_row(one.program, f"{one.first:.0f}", f"{one.last:.0f}", f"{one.most:.0f}", f"{one.slope:+.1f}")
    return table


def _promises(title: str, promises: Sequence[Promise]) -> Table:
    table = Table(title=f"{title}: what must hold", title_justify="left")
    for column in ("promise", "counted", ""):
        table.add_column(column)
    for promise in promises:
        mark = "[green]✓[/green]" if promise.kept else f"[red]✗ {len(promise.wrong)}[/red]"
        table.add_row(promise.name, promise.counts, mark)
    return table
