"""The figures, for people."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.budgets import Budget, ours
from benchmarks.figures import Cpu, Latency, Throughput, tallygate_cpu
from benchmarks.plan import DIRECT, PROXY, TALLYGATE
from benchmarks.report import Report
from benchmarks.system import OURS
from benchmarks.truth import Truth

_LEAST_WIDTH = 112  # a narrower terminal wraps the lines; no figure is ever cut off

console = Console(soft_wrap=True, highlight=False)
console.width = max(console.width, _LEAST_WIDTH)


def show(report: Report) -> None:
    for table in (
        _latency_table(report.latency),
        _throughput_table(report.throughput),
        _cpu_table(report.cpu),
        _memory_table(report.memory_mb),
        budget_table(report.budgets),
    ):
        console.print(table)
    console.print(f"Other programs took {report.others:.0%} of the machine while this was measured.")
    console.print(truth_line(report.truth))


def _latency_table(rows: Sequence[Latency]) -> Table:
    table = _table("Latency, model answering in 50 ms (ms)", "callers", "", "p50", "p99", "added\np50", "added\np99",
                   "p50 /\ndirect", "p50 /\nproxy", "p50 of\neach round")  # fmt: skip
    for row in rows:
        added = ("", "") if row.target == DIRECT else (f"{row.added_p50_ms:+.1f}", f"{row.added_p99_ms:+.1f}")
        table.add_row(str(row.callers), row.target, f"{row.p50_ms:.1f}", f"{row.p99_ms:.1f}", *added,
                      *_ratios(row.target, row.p50_to_direct, row.p50_to_proxy),
                      " ".join(f"{p50_ms:.1f}" for p50_ms in row.rounds_p50_ms),
                      end_section=row.target == TALLYGATE)  # fmt: skip
    return table


def _throughput_table(rows: Sequence[Throughput]) -> Table:
    table = _table(
        "Requests/s, model answering at once", "callers", "", "requests/s", "/ direct", "/ proxy", "each round"
    )
    for row in rows:
        rounds = " ".join(f"{per_s:,.0f}" for per_s in row.rounds_per_s)
        ratios = _ratios(row.target, row.to_direct, row.to_proxy)
        table.add_row(str(row.callers), row.target, f"{row.per_s:,.0f}", *ratios, rounds,
                      end_section=row.target == TALLYGATE)  # fmt: skip
    return table


def _cpu_table(rows: Sequence[Cpu]) -> Table:
    """Tallygate's points, and the proxy's own cost in the same conditions beside them."""
    shown = tallygate_cpu(rows)
    heads = [f"{row.callers} caller{'s' * (row.callers > 1)}\n{row.delay_ms} ms" for row in shown]
    table = _table("CPU-seconds per 1,000 requests, until everything is booked; model answering in ...", "", *heads)
    names = list(shown[0].by_process) if shown else []
    for name in [*OURS, *(name for name in names if name not in OURS)]:
        cells = [f"{_beside(rows, row, name):.3f}" for row in shown]
        label = f"{name} (on its own turn)" if name == PROXY else name
        table.add_row(label, *cells, end_section=name == OURS[-1])
    table.add_row("[bold]Tallygate in all[/bold]", *(f"[bold]{ours(row.by_process):.2f}[/bold]" for row in shown))
    return table


def _beside(rows: Iterable[Cpu], shown: Cpu, name: str) -> float:
    """The proxy works only when it is the target."""
    if name != PROXY:
        return shown.by_process[name]
    alike = (row for row in rows if (row.target, row.callers, row.delay_ms) == (PROXY, shown.callers, shown.delay_ms))
    return next((row.by_process[PROXY] for row in alike), 0.0)


def _memory_table(memory_mb: dict[str, float]) -> Table:
    table = _table("Memory at the end (MB; of postgres the share of all its processes)", *memory_mb)
    table.add_row(*(f"{mb:.0f}" for mb in memory_mb.values()))
    return table


def budget_table(rows: Iterable[Budget]) -> Table:
    table = _table("Budgets", "", "measured", "budget", "")
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        verdict = "[green]met[/green]" if row.met else "[red]not met[/red]"
        table.add_row(row.what, f"{row.figure:,.1f} {row.unit}", f"{sign} {row.limit:,.0f} {row.unit}", verdict)
    return table


def truth_line(truth: Truth) -> str:
    counts = (
        f"answered {truth.sent:,}, received by the model server {truth.received:,} ({truth.request_ids:,} ids), "
        f"booked {truth.booked_inferences:,} inferences and {truth.booked_attempts:,} attempts; "
        f"the audit says {'balanced' if truth.balanced else 'NOT balanced'}"
    )
    wrong = [f"{truth.problems} answers were not 200 or never came"] * bool(truth.problems)
    wrong += [f"{name} was restarted" for name in truth.restarted] + truth.violations[:5]
    mark = "[green]✓[/green]" if truth.agrees else "[red]✗[/red]"
    return "\n  ".join([f"{mark} Through Tallygate: {counts}.", *wrong])


def _ratios(target: str, to_direct: float, to_proxy: float) -> tuple[str, str]:
    return (
        "" if target == DIRECT else f"{to_direct:.2f}",
        f"{to_proxy:.2f}" if target == TALLYGATE else "",
    )


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 or not column else "right", no_wrap=True)
    return table
