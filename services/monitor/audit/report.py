"""Print an audit: for people, or as JSON."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from services.monitor.audit.invariants import Report

_SHOWN = 20  # inferences that were swept; all that are named with --json


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Told on standard error where that is a terminal."""
    with Console(stderr=True).status("reading the topics") as status:
        yield status.update


def show(report: Report, as_json: bool) -> None:
    console = Console(soft_wrap=True)
    if as_json:
        console.print_json(json.dumps(report.as_json()))
        return
    table = Table(title="Audit")
    for column in ("", "on record", "closed", "open", "late"):
        table.add_column(column, justify="left" if not column else "right")
    inferences, attempts = report.inferences, report.attempts
    table.add_row("inferences", *(str(inferences[name]) for name in ("accepted", "settled", "open")), "")
    table.add_row("attempts", *(str(attempts[name]) for name in ("started", "ended", "open", "late")))
    console.print(table)
    if report.swept.inferences or report.swept.attempts:
        console.print(
            f"[yellow]![/yellow] closed by the sweep, a minute past the deadline: {report.swept.inferences} inferences "
            f"and {report.swept.attempts} attempts. Nobody else had settled them; see tallygate show <inference_id>: "
            + ", ".join(report.swept.ids[:_SHOWN])
        )
    for violation in report.violations:
        console.print(f"[red]✗[/red] {violation}")
    verdict = "[green]The books balance.[/green]" if report.balanced else "[red]The books do not balance.[/red]"
    console.print(verdict)
