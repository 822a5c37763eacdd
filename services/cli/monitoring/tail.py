"""`tallygate tail`: what is settled and what fails, as it is booked."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.text import Text

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.monitoring.again import is_passing
from services.cli.monitoring.inferences import tokens
from services.cli.output import instant, one_line, out, print_json_line, say, seconds, state_style, usd
from services.cli.problem import reports_problems
from shared.client import Client, ProblemError
from shared.client.requests import LIVE

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 10.0

Told = tuple[str, dict[str, Any]]


@reports_problems
def tail(
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    error_type: Annotated[str | None, typer.Option(help="Only failures of this type.")] = None,
    state: Annotated[str | None, typer.Option(help="Only inferences that ended so: completed, failed, ...")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow what is settled, and which calls fail, a line for each; with --json a JSON line.

    When the gateway is away it says so, and goes on trying; what was booked meanwhile is in `tallygate inferences
    list`. Ctrl-C ends it.
    """
    client = connect(gateway, key)
    filters = {"model": model, "error_type": error_type, "state": state}
    given = urlencode({name: value for name, value in filters.items() if value is not None})
    console = out()
    with suppress(KeyboardInterrupt):
        for name, told in heard(client, f"{LIVE}?{given}" if given else LIVE):
            if as_json:
                print_json_line({"event": name} | told)
            else:
                console.print(line(name, told), soft_wrap=True)


def heard(client: Client, path: str, sleep: Callable[[float], None] = time.sleep) -> Iterator[Told]:
    """Without an end: a feed that broke off is opened again. Raises ProblemError for what will not pass."""
    pause_s = _FIRST_PAUSE_S
    while True:
        why = "the feed ended"
        try:
            for name, told in client.events(path):
                pause_s = _FIRST_PAUSE_S
                yield name, told
        except ProblemError as error:
            if not is_passing(error.problem):
                raise
            why = error.problem.detail
        since = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        say(f"{why}; trying again in {pause_s:.0f} s. Meanwhile: tallygate inferences list --from {since}", "yellow")
        sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def line(name: str, told: dict[str, Any]) -> Text:
    return _attempt(told) if name == "attempt" else _inference(told)


def _inference(told: dict[str, Any]) -> Text:
    model = told["model_served"] or told["model_requested"] or "auto"
    text = _begun(told["settled_at"], told["state"], state_style(told["state"]), model)
    parts = [seconds(told["duration_s"]), tokens(told.get("usage")), usd(told["cost_usd"])]
    parts += [f"{told['attempts']} attempts"] if told["attempts"] > 1 else []
    text.append("  " + " · ".join(part for part in parts if part))
    if told["error_type"]:
        text.append(f"  {one_line(told['error_type'])}", "red")
    return text.append(f"  {one_line(told['inference_id'])}", "dim")


def _attempt(told: dict[str, Any]) -> Text:
    text = _begun(told["at"], "attempt failed", "red", told["model"])
    text.append(f"  {one_line(told['error_type'])}", "red").append(f": {one_line(told['detail'])}")
    return text.append(f"  {one_line(told['inference_id'])}", "dim")


def _begun(at: str, what: str, style: str, model: str) -> Text:
    clock = instant(at)[-8:]
    return Text.assemble((f"{clock} ", "dim"), (f"{one_line(what):<14} ", style), (one_line(model), "bold"))
