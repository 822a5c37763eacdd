"""`make bench`: everything side by side, in one run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from benchmarks import tables, usage
from benchmarks.budgets import ELSEWHERE, Reference, budgets
from benchmarks.figures import Figures, figures
from benchmarks.measure import Bench, Measurement, Options
from benchmarks.peers import PEERS, TENSORZERO, running_peer
from benchmarks.plan import DIRECT, MODELS, PROXY, TALLYGATE, Point
from benchmarks.report import Report, machine, mean_of_others, now, save_report
from benchmarks.rest import at_rest
from benchmarks.stage import Stage, running_proxy, running_stage
from benchmarks.system import OURS, running_system
from benchmarks.truth import Truth, find_truth
from deploy.local.failure import LocalRunError
from deploy.local.progress import console, say, step

_REST_S = 20.0


@dataclass(frozen=True)
class _Ours:
    """What was measured while Tallygate ran: it, direct calls and the proxy."""

    measured: list[Measurement]
    rest_percent: dict[str, float]
    memory_mb: dict[str, float]
    truth: Truth

    @property
    def figures(self) -> list[Figures]:
        return figures(self.measured, {DIRECT: [], PROXY: [PROXY], TALLYGATE: OURS})


def run(options: Options, json_file: Path | None, *, with_peers: bool) -> bool:
    """False when an answer was missing or the books do not agree with what happened."""
    with running_stage() as stage:
        ours = _ours(stage, options)
        peers = list(_peers(stage, options)) if with_peers else []
    report = _report(options, ours, peers)
    tables.show(report)
    if json_file is not None:
        save_report(report, json_file)
    return report.truth.agrees


def _ours(stage: Stage, options: Options) -> _Ours:
    with running_system(MODELS.values(), stage) as system:
        pids = system.pids
        with running_proxy(stage) as proxy:
            targets = [stage.direct, proxy, system.target]
            measured = _measured(Bench(stage, targets, options, system.api.wait_booked))
        memory_mb = usage.memory_by_process(pids | stage.pids)
        with step("at rest"):
            rest_percent = at_rest(pids, _REST_S)
        with step("audit"):
            truth = find_truth(system, measured, pids)
    return _Ours(measured, rest_percent, memory_mb, truth)


def _peers(stage: Stage, options: Options) -> Iterator[Figures]:
    """When Tallygate has ended, which takes some CPU at rest too. Each takes turns with direct calls of its own."""
    for peer in PEERS:
        try:
            with running_peer(peer, stage) as target:
                measured = _measured(Bench(stage, [stage.direct, target], options))
        except LocalRunError as sentence:
            say(f"{peer.name} is left out. {sentence}")
        else:
            yield from figures(measured, {target.name: target.pids})


def _report(options: Options, ours: _Ours, peers: list[Figures]) -> Report:
    reference = next((Reference.of(peer) for peer in peers if peer.target == TENSORZERO.name), ELSEWHERE)
    *others, tallygate = ours.figures
    return Report(
        at=now(),
        machine=machine(),
        options=options,
        others=mean_of_others(ours.measured),
        figures=[*others, *peers, tallygate],
        rest_percent=ours.rest_percent,
        memory_mb=ours.memory_mb,
        truth=ours.truth,
        reference=reference.said,
        budgets=budgets(tallygate, ours.rest_percent, reference),
    )


def _measured(bench: Bench) -> list[Measurement]:
    """A bar where there is a terminal, a line per round elsewhere."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    last_round = -1
    name = bench.targets[-1].name
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=len(bench.steps))

        def on_point(number: int, point: Point) -> None:
            nonlocal last_round
            round_name = f"{name}, round {number} of {bench.options.rounds}" if number else f"{name}, warming up"
            if number != last_round and not console.is_terminal:
                say(f"  {round_name}")
            last_round = number
            progress.update(task, description=f"{round_name}: {point}")
            progress.advance(task)

        return bench.run(on_point)
