"""The figures, for people."""

from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.budgets import Budget
from benchmarks.figures import Figures
from benchmarks.plan import AT_ONCE_MS, DIRECT, PROXY, TALLYGATE
from benchmarks.report import Report
from benchmarks.system import OURS
from benchmarks.truth import Truth

_LEAST_WIDTH = 144  # a narrower terminal wraps the lines; no figure is ever cut off
_VERDICTS = {None: "", True: "[green]yes[/green]", False: "[red]no[/red]"}

console = Console(soft_wrap=True, highlight=False)
console.width = max(console.width, _LEAST_WIDTH)


def show(report: Report) -> None:
    tallygate = next(row for row in report.figures if row.target == TALLYGATE)
    for table in (
        side_by_side_table(report.figures),
        _cpu_table(tallygate),
        _wakeups_table(tallygate),
        _memory_table(report.memory_mb),
        budget_table(report.budgets, f"Budgets; as ratios to {report.reference}"),
    ):
        console.print(table)
    console.print(f"Other programs took {report.others:.0%} of the machine while this was measured.")
    console.print(truth_line(report.truth))


def side_by_side_table(rows: Sequence[Figures]) -> Table:
    """Each target beside the direct calls that it took turns with."""
    callers = sorted({count for row in rows for count in row.latency})
    many = [count for count in callers if count > 1]
    table = _table(
        "Side by side: added latency with the model answering in 50 ms; requests/s and CPU with it answering at once",
        "", *(f"added p50 / p99\n{_callers(count)}, ms" for count in callers),
        *(f"requests/s\n{_callers(count)}" for count in many),
        *(f"CPU-s / 1,000\n{_callers(count)}" for count in many),
    )  # fmt: skip
    for row in rows:
        per_s = (f"{row.throughput[count].per_s:,.0f}" for count in many)
        cpu = ("" if row.target == DIRECT else f"{row.cpu[count, AT_ONCE_MS].own:.2f}" for count in many)
        table.add_row(row.target, *(_added(row, count) for count in callers), *per_s, *cpu)
    return table


def _added(row: Figures, callers: int) -> str:
    """A dash where nothing was answered in time; of direct calls, what the others are added to."""
    latency = row.latency.get(callers)
    if latency is None:
        return "-"
    if row.target == DIRECT:
        return f"({latency.p50_ms:.1f} / {latency.p99_ms:.1f})"
    return f"{latency.added_p50_ms:+.1f} / {latency.added_p99_ms:+.1f}"


def _cpu_table(tallygate: Figures) -> Table:
    title = "CPU-seconds per 1,000 requests, until everything is booked; model answering in ..."
    return _by_process(title, {point: cpu.by_process for point, cpu in tallygate.cpu.items()}, places=3)


def _wakeups_table(tallygate: Figures) -> Table:
    title = "Wake-ups a request: how often a thread waited for something and went on; model answering in ..."
    return _by_process(title, {point: cpu.wakeups for point, cpu in tallygate.cpu.items()}, places=1)


def _by_process(title: str, points: Mapping[tuple[int, int], Mapping[str, float]], places: int) -> Table:
    table = _table(title, "", *(f"{_callers(callers)}\n{delay_ms} ms" for callers, delay_ms in points))
    rows = list(points.values())
    for name in OURS:
        table.add_row(name, *(f"{row[name]:.{places}f}" for row in rows), end_section=name == OURS[-1])
    in_all = (sum(row[name] for name in OURS) for row in rows)
    table.add_row("[bold]in all[/bold]", *(f"[bold]{value:.{places}f}[/bold]" for value in in_all), end_section=True)
    for name in [name for name in rows[0] if name not in OURS and name != PROXY]:
        table.add_row(name, *(f"{row[name]:.{places}f}" for row in rows))
    return table


def _memory_table(memory_mb: dict[str, float]) -> Table:
    table = _table("Memory at the end (MB; of postgres the share of all its processes)", *memory_mb)
    table.add_row(*(f"{mb:.0f}" for mb in memory_mb.values()))
    return table


def budget_table(rows: Iterable[Budget], title: str = "Budgets") -> Table:
    table = _table(title, "", "measured", "budget", "ratio", "met", "goal", "met")
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.what, _with_unit(row.figure, row.unit), _limit(row, row.limit), ratio, _VERDICTS[row.met],
                      _limit(row, row.goal), _VERDICTS[row.goal_met])  # fmt: skip
    return table


def truth_line(truth: Truth) -> str:
    counts = (
        f"answered {truth.sent:,}, received by the endpoint {truth.received:,} ({truth.request_ids:,} ids), "
        f"booked {truth.booked_inferences:,} inferences and {truth.booked_attempts:,} attempts; "
        f"the audit says {'balanced' if truth.balanced else 'NOT balanced'}"
    )
    wrong = [f"{truth.problems} answers were not 200 or never came"] * bool(truth.problems)
    wrong += [f"{name} was restarted" for name in truth.restarted] + truth.violations[:5]
    mark = "[green]✓[/green]" if truth.agrees else "[red]✗[/red]"
    return "\n  ".join([f"{mark} Through Tallygate: {counts}.", *wrong])


def _limit(row: Budget, limit: float | None) -> str:
    return "" if limit is None else f"{'≥' if row.at_least else '≤'} {_with_unit(limit, row.unit)}"


def _with_unit(figure: float, unit: str) -> str:
    """CPU-seconds are small, requests are many, and what is counted is whole."""
    places = 2 if unit == "s" else 1 if abs(figure) < 100 and figure != int(figure) else 0
    return f"{figure:,.{places}f} {unit}".rstrip()


def _callers(count: int) -> str:
    return f"{count} caller{'s' * (count > 1)}"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 or not column else "right", no_wrap=True)
    return table
