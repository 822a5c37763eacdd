"""`make bench`: everything side by side, in one run."""

from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks import tables, usage
from benchmarks.measure import Bench, Measurement, Options, steps
from benchmarks.plan import MODELS, Point
from benchmarks.report import make_report, save_report
from benchmarks.system import running_system
from benchmarks.truth import find_truth
from deploy.local.progress import console, say, step


def run(options: Options, json_file: Path | None) -> bool:
    """False when an answer was missing or the books do not agree with what happened."""
    with running_system(MODELS.values()) as system:
        pids = system.pids
        bench = Bench(system, options, pids)
        measured = _measured(bench)
        memory_mb = usage.memory_by_process(pids)
        with step("audit"):
            truth = find_truth(system, measured, bench.request_ids, pids)
    report = make_report(options, measured, memory_mb, truth)
    tables.show(report)
    if json_file is not None:
        save_report(report, json_file)
    return truth.agrees


def _measured(bench: Bench) -> list[Measurement]:
    """A bar where there is a terminal, a line per round elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    last_round = -1
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=steps(bench.options))

        def on_point(number: int, point: Point) -> None:
            nonlocal last_round
            name = f"round {number} of {bench.options.rounds}" if number else "warming up"
            if number != last_round and not console.is_terminal:
                say(f"  {name}")
            last_round = number
            progress.update(task, description=f"{name}: {point}")
            progress.advance(task, 1 if number or point.target != "direct" else 0)

        return bench.run(on_point)
