"""`python -m benchmarks`: what Tallygate costs, on this machine, now."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from benchmarks import books as books_bench
from benchmarks import memory as memory_bench
from benchmarks import proof as proof_bench
from benchmarks.batches.run import Order as BatchOrder
from benchmarks.batches.run import run as batches_bench
from benchmarks.history import run as history_bench
from benchmarks.measure import Options
from benchmarks.run import run
from benchmarks.streams.run import run as streams_bench
from benchmarks.surfaces import run as surfaces_bench
from deploy.local.failure import LocalRunError
from deploy.local.progress import say

app = typer.Typer(add_completion=False, help=__doc__)
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@app.callback(invoke_without_command=True)
def bench(
    context: typer.Context,
    seconds: Annotated[float, typer.Option(help="For each point.", min=0.5, max=120)] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, max=50)] = 3,
    callers: Annotated[str, typer.Option(help="Numbers of callers, with commas.")] = "1,16,64",
    json: Annotated[Path | None, typer.Option(help="Write all figures to this file too.")] = None,
    peers: Annotated[bool, typer.Option("--peers", help="Measure other gateways too, which are installed.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="One short round: figures are rough.")] = False,
) -> None:
    """Measure latency, throughput, CPU and memory beside a direct call and a plain proxy, and other gateways."""
    if context.invoked_subcommand is None:
        options = Options(1.5, 1, _numbers(callers)) if quick else Options(seconds, rounds, _numbers(callers))
        _exit(run(options, json, with_peers=peers))


@app.command()
def memory(calls: Annotated[int, typer.Option(min=1, max=2000)] = 2000) -> None:
    """One router with many calls in flight: how much memory it needs."""
    _exit(memory_bench.run(calls))


@app.command()
def streams(
    streams: Annotated[int, typer.Option(help="At once, with 50 chunks a second each.", min=1, max=1000)] = 200,
    seconds: Annotated[float, typer.Option(min=1, max=120)] = 10.0,
    held: Annotated[int, typer.Option(help="How many one router holds; 0 leaves that out.", min=0, max=10_000)] = 2000,
) -> None:
    """Streams through the whole path: time to the first chunk, delay of each chunk, CPU, records, memory."""
    _exit(streams_bench(streams, seconds, held))


@app.command()
def surfaces(
    callers: Annotated[int, typer.Option(min=1, max=1000)] = 16,
    seconds: Annotated[float, typer.Option(help="For each surface and round.", min=0.5, max=120)] = 5.0,
    rounds: Annotated[int, typer.Option(min=1, max=50)] = 3,
) -> None:
    """Every surface beside a chat: requests a second, latency, CPU of a request."""
    _exit(surfaces_bench(callers, seconds, rounds))


@app.command()
def books(events: Annotated[int, typer.Option(min=3000, max=3_000_000)] = 100_000) -> None:
    """How many events a second one monitor books."""
    _exit(books_bench.run(events))


@app.command()
def history(
    inferences: Annotated[int, typer.Option(min=10_000, max=20_000_000)] = 1_000_000,
    kept: Annotated[Path | None, typer.Option(help="Fill books in this folder; once they are, measure them.")] = None,
) -> None:
    """A month in the books: how long each question takes, what is booked meanwhile, size on disk, dropping a day."""
    _exit(history_bench.run(inferences, kept))


@app.command()
def proof(rows: Annotated[int, typer.Option(min=10_000, max=20_000_000)] = 1_000_000) -> None:
    """A day is sealed and verified: how long it takes, the size of its digests, what is booked meanwhile."""
    _exit(proof_bench.run(rows))


@app.command()
def batches(
    lines: Annotated[
        int, typer.Option(help="Of the batch that is run to its end; 0: none is.", min=0, max=100_000)
    ] = 20_000,
    faults: Annotated[float, typer.Option(help="Share of the lines whose endpoint fails.", min=0, max=1)] = 0.1,
    kills: Annotated[int, typer.Option(help="How often each program is killed meanwhile.", min=0, max=20)] = 2,
    minutes: Annotated[float, typer.Option(help="That the batch may take.", min=1, max=600)] = 12.0,
    turns: Annotated[int, typer.Option(help="Without and beside another batch; 0: none.", min=0, max=50)] = 2,
    callers: Annotated[int, typer.Option(help="People who ask then.", min=1, max=1000)] = 4,
    seconds: Annotated[float, typer.Option(help="For each turn.", min=1, max=120)] = 15.0,
    bulk_per_s: Annotated[float | None, typer.Option(help="TALLYGATE_ROUTER_BULK_PER_S; 0: no bound.", min=0)] = None,
) -> None:
    """A batch while everything is killed in turn; and the latency of people beside one."""
    _exit(batches_bench(BatchOrder(lines, faults, kills, 60 * minutes, turns, callers, seconds, bulk_per_s)))


def _numbers(text: str) -> tuple[int, ...]:
    parts = text.split(",")
    if not all(part.isdecimal() and 1 <= int(part) <= 1000 for part in parts):
        raise typer.BadParameter(f"whole numbers from 1 to 1000, with commas, not {text!r}")
    return tuple(sorted({int(part) for part in parts}))


def _exit(succeeded: bool) -> NoReturn:
    """A budget that is not met is a figure; books that do not balance are a failure."""
    raise typer.Exit(0 if succeeded else 1)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    """Only the first signal interrupts: stopping, which follows, must not be interrupted."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main(run_app: Callable[[], None] = app) -> None:
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        run_app()
    except LocalRunError as sentence:
        say(str(sentence))
        sys.exit(1)


if __name__ == "__main__":
    main()
