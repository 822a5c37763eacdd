"""`python -m deploy.local`: run Tallygate on this machine."""

import json
import os
import shlex
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import NoReturn

import typer
from rich.table import Table

from deploy.local.failure import LocalRunError
from deploy.local.progress import console, say
from deploy.local.stack import Running, Stack

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _stack() -> Stack:
    return Stack(Path(os.environ.get("TALLYGATE_HOME") or ".tallygate"), os.environ)


@app.command()
def up() -> None:
    """Start everything in the background and return when it is ready."""
    print(_ready_line(_stack().up(foreground=False)))


@app.command()
def run() -> None:
    """Start everything, stay in the foreground, and stop it all on Ctrl-C or SIGTERM."""
    stack = _stack()
    for number in SIGNALS:
        signal.signal(number, _interrupt)
    try:
        print(_ready_line(stack.up()), flush=True)
        say(f"Tallygate is running; its logs are in {stack.home.logs}. Ctrl-C stops it.")
        stack.wait_stopped()
        say("Stopped by another command.")
    except KeyboardInterrupt:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        say("Stopping ...")
        stack.down()
        say("Stopped.")


@app.command()
def down() -> None:
    """Stop everything that runs in this home."""
    stack = _stack()
    was_running = bool(stack.status())
    stack.down()
    say("Stopped." if was_running else f"Nothing was running in {stack.home.path}.")


@app.command()
def clean() -> None:
    """Stop everything and delete the home with all its data."""
    stack = _stack()
    stack.remove()
    say(f"Removed {stack.home.path}.")


@app.command()
def status() -> None:
    """Show every program; exit status 1 when nothing runs."""
    stack = _stack()
    programs = stack.status()
    if not programs:
        raise LocalRunError(f"Nothing is running in {stack.home.path}; start it with `make run`.")
    table = Table("program", "state", "pid", "up", "log")
    for program in programs:
        table.add_row(
            program.name,
            program.state.lower(),
            str(program.pid or ""),
            f"{program.uptime_s} s",
            str(stack.home.log(program.name)),
        )
    console.print(table)


@app.command()
def env() -> None:
    """Print `export` lines, for: eval "$(python -m deploy.local env)"."""
    stack = _stack()
    given = stack.environment()
    if not given:
        raise LocalRunError(f"Nothing is running in {stack.home.path}; start it with `make run`.")
    for name, value in given.items():
        print(f"export {name}={shlex.quote(value)}")


def _ready_line(running: Running) -> str:
    return f"ready {json.dumps(asdict(running))}"


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def main(run_app: Callable[[], None] = app) -> None:
    try:
        run_app()
    except LocalRunError as sentence:
        say(str(sentence))
        sys.exit(1)


if __name__ == "__main__":
    main()
