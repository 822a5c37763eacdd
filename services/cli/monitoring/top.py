"""`tallygate top`: rates, models, errors and routers, as they change."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.monitoring.sights import Looking, Sight, sights
from services.cli.monitoring.top_view import screen
from services.cli.output import emit, out, print_json_line
from services.cli.problem import reports_problems


@reports_problems
def top(
    window: Annotated[str, typer.Option(metavar="SPAN", help="What is summed up: 1m, 5m, 1h ...")] = "5m",
    every_s: Annotated[float, typer.Option("--every", min=0.5, max=3600, metavar="SECONDS", help="A new look.")] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="One look; exit status 1 when there is nothing to see.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Watch rates, models, errors and, with an admin key, routers. With --json a line for each look.

    When the gateway is away it says so, and goes on trying. Ctrl-C ends it. Into a pipe, and without --json, it looks
    once.
    """
    looking = Looking(connect(gateway, key), window)
    console = out()
    if once or not (as_json or console.is_terminal):
        emit(looking.look(), as_json, lambda body: screen(looking.url, Sight(body, None, None)))
        return
    with suppress(KeyboardInterrupt):
        (print_lines if as_json else show)(sights(looking, every_s), looking.url, console)


def show(seen: Iterable[Sight], url: str, console: Console) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as live:
        for sight in seen:
            live.update(screen(url, sight), refresh=True)


def print_lines(seen: Iterable[Sight], _: str, __: Console) -> None:
    """A look that failed is `problem` alone: what was seen before is no news."""
    for sight in seen:
        print_json_line(sight.body if sight.problem is None else {"problem": asdict(sight.problem)})
