"""`tallygate inferences follow` and `cancel`: of inferences that nobody waits for."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.monitoring.again import is_passing
from services.cli.output import cell, emit, out, print_json, print_json_line, say, without_controls
from services.cli.problem import reports_problems
from shared.client import Client, Event, Problem, ProblemError, in_path
from shared.client.requests import INFERENCES
from shared.wire.reading.completions import object_or_empty, read_completion
from shared.wire.reading.streams import text_in

_AGAIN_AFTER_S = 2.0
_CHUNK, _SETTLED = "chunk", "settled"
_Id = Annotated[str, typer.Argument(metavar="INFERENCE_ID", help="As POST /api/inferences answered it.")]


@reports_problems
def cancel(
    inference_id: _Id, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Cancel an inference that has not ended, in the background or not."""
    answer = connect(gateway, key).delete(f"{INFERENCES}/{in_path(inference_id)}").body
    emit(answer, as_json, lambda body: cell(f"✓ {body['inference_id']} is being cancelled", "green"))


@reports_problems
def follow(
    inference_id: _Id, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Follow an inference in the background: its answer as it comes, or when it is there; exit status 1 when it fails.

    With --json a JSON line for each event. Ctrl-C ends only this; the inference goes on.
    """
    told = False
    for event in _news(connect(gateway, key), f"{INFERENCES}/{in_path(inference_id)}/events"):
        if as_json:
            print_json_line({"event": event.name} | event.data)
        elif event.name == _CHUNK:
            told = True
            print(without_controls(_text_of(event.data)), end="", flush=True)
        elif event.name == _SETTLED and told:
            print(flush=True)
        if event.name == _SETTLED:
            _end(event.data, shows=not as_json)


def _end(settled: dict[str, Any], *, shows: bool) -> None:
    """Raises ProblemError for one that has no answer."""
    if error := settled["error"]:
        raise ProblemError(Problem(error["error_type"], error["detail"], tuple(error["tips"])))
    result = settled.get("result")
    if shows and result is not None:
        if text := read_completion(result).text:
            out().print(without_controls(text), markup=False)
        else:
            print_json(result)


def _news(client: Client, path: str) -> Iterator[Event]:
    """Every event once, to the last one. Each stream begins with the first chunk, so that what was told is passed over
    when one that broke off is opened again. Raises ProblemError for what will not pass."""
    heard, state = 0, None
    while True:
        why, number = "the stream of events ended", 0
        try:
            for event in client.events(path):
                number += event.name == _CHUNK
                if (event.name == _CHUNK and number <= heard) or (event.name == "state" and event.data == state):
                    continue
                heard, state = max(heard, number), event.data if event.name == "state" else state
                yield event
                if event.name == _SETTLED:
                    return
        except ProblemError as error:
            if not is_passing(error.problem):
                raise
            why = error.problem.detail
        say(f"{why}; the inference goes on, and is followed again", "yellow")
        time.sleep(_AGAIN_AFTER_S)


def _text_of(chunk: dict[str, Any]) -> str:
    """Of a chunk in either form."""
    text = object_or_empty(chunk.get("delta")).get("text")
    return text if isinstance(text, str) else text_in(chunk)
