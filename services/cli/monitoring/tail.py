"""`tallygate tail`: what is settled and what fails, as it is booked."""

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.text import Text

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.monitoring.again import is_passing
from services.cli.monitoring.inferences import tokens
from services.cli.output import instant, one_line, out, print_json_line, say, seconds, state_style, usd
from services.cli.problem import reports_problems
from shared.client import Client, Event, ProblemError
from shared.client.requests import LIVE
from shared.memory import Memory

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 10.0
_REMEMBERED = 5000  # events: what is told again is of some seconds
_RENEWED_AFTER_S = 0.1
_TOLD = ("inference", "attempt")
_GAP, _END, _RENEW = "gap", "end", "renew"


@reports_problems
def tail(
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    error_type: Annotated[str | None, typer.Option(help="Only failures of this type.")] = None,
    state: Annotated[str | None, typer.Option(help="Only inferences that ended so: completed, failed, ...")] = None,
    operation: Annotated[str | None, typer.Option(help="Only chat, embeddings, ...")] = None,
    key_id: Annotated[str | None, typer.Option(metavar="KEY_ID", help="Only what this API key asked for.")] = None,
    session: Annotated[str | None, typer.Option(help="Only inferences of this session.")] = None,
    tag: Annotated[str | None, typer.Option(metavar="NAME=VALUE,...", help="Only inferences with these tags.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Follow what is settled, and which calls fail, a line for each; with --json a JSON line.

    When the gateway is away it says so, goes on trying, and asks for what was booked meanwhile. Ctrl-C ends it.
    """
    client = connect(gateway, key)
    filters = {"model": model, "error_type": error_type, "state": state, "operation": operation, "key": key_id,
               "session": session, "tag": tag}  # fmt: skip
    given = urlencode({name: value for name, value in filters.items() if value is not None})
    console = out()
    with suppress(KeyboardInterrupt):
        for event in heard(client, f"{LIVE}?{given}" if given else LIVE):
            if as_json:
                print_json_line({"event": event.name} | event.data)
            elif event.name == _GAP:
                say(missing(event.data), "yellow")
            else:
                console.print(line(event), soft_wrap=True)


def heard(client: Client, path: str, sleep: Callable[[float], None] = time.sleep) -> Iterator[Event]:
    """Inferences, attempts and gaps, without an end: a feed that is over, or broke off, is opened again where it was.
    What was settled about then is told again, and passed over here. Raises ProblemError for what will not pass."""
    pause_s, last_id = _FIRST_PAUSE_S, ""
    told: Memory[str, bool] = Memory(_REMEMBERED)
    while True:
        why: str | None = "the feed broke off"
        try:
            for event in client.events(path, last_id):
                if event.name == _END:
                    why = None if event.data["reason"] == _RENEW else event.data["detail"]
                elif event.name == _GAP:
                    yield event
                elif event.name in _TOLD and event.id not in told:
                    pause_s, last_id = _FIRST_PAUSE_S, event.id
                    told.put(event.id, True)
                    yield event
        except ProblemError as error:
            if not is_passing(error.problem):
                raise
            why = error.problem.detail
        if why is None:
            sleep(_RENEWED_AFTER_S)
            continue
        say(f"{why}; trying again in {pause_s:.0f} s", "yellow")
        sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


def missing(gap: dict[str, Any]) -> str:
    since, until = gap["from"], gap["to"]
    return f"what was settled meanwhile is missing: tallygate inferences list --from {since} --to {until}"


def line(event: Event) -> Text:
    return _attempt(event.data) if event.name == "attempt" else _inference(event.data)


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
    text = _begun(told["ended_at"], "attempt failed", "red", told["model"])
    text.append(f"  {one_line(told['error_type'])}", "red").append(f": {one_line((told['error'] or {}).get('detail'))}")
    return text.append(f"  {one_line(told['inference_id'])}", "dim")


def _begun(at: str, what: str, style: str, model: str) -> Text:
    clock = instant(at)[-8:]
    return Text.assemble((f"{clock} ", "dim"), (f"{one_line(what):<14} ", style), (one_line(model), "bold"))
