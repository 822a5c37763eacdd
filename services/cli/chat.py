"""`tallygate chat`: ask a model, once or in a conversation."""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.conversation import Conversation
from services.cli.output import err, on_terminal, out, print_json, say, without_controls
from services.cli.problem import refused, reports_problems
from services.cli.shown import Shown
from shared.client import COMPLETION_TIMEOUT_S, Client, Problem, ProblemError
from shared.client.requests import CANCELS, CHAT
from shared.wire.reading.collected import Collected
from shared.wire.reading.completions import calls_in, read_completion
from shared.wire.reading.streams import text_in
from shared.wire.reading.thoughts import AnswerReader

_INTERRUPTED_STATUS = 130  # as shells tell of Ctrl-C


@reports_problems
def chat(
    message: Annotated[str | None, typer.Argument(help="What to ask; - reads it from standard input.")] = None,
    model: Annotated[str | None, typer.Option(help="custom:my-model, provider:model, or none for auto.")] = None,
    system: Annotated[str | None, typer.Option(help="A system message.")] = None,
    session: Annotated[str | None, typer.Option(help="Remember the conversation under this name.")] = None,
    no_stream: Annotated[
        bool, typer.Option("--no-stream", help="Print the answer when it is whole, not as it comes.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say who answered, and how often was tried.")
    ] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a model and print its answer as it comes. With --session and no message: a conversation.

    Ctrl-C ends the answer, and cancels its inference.
    """
    if session is not None and system is not None:
        raise refused("--system cannot be used with --session: a session's system message is the gateway's")
    client = connect(gateway, key)
    try:
        if session is not None:
            streams = not (no_stream or as_json)
            conversation = Conversation(client, session, model, streams=streams, as_json=as_json, verbose=verbose)
            if message is None and on_terminal() and not as_json:
                conversation.run()
            else:
                conversation.ask(_message(message))
            return
        body = {"messages": _messages(_message(message), system)} | ({"model": model} if model else {})
        headers = _printed(client, body, as_json) if no_stream or as_json else _streamed(client, body)
    except KeyboardInterrupt:
        raise typer.Exit(_INTERRUPTED_STATUS) from None
    if verbose:
        say(_about(headers), "dim")


def _printed(client: Client, body: dict[str, Any], as_json: bool) -> Mapping[str, str]:
    with err().status(f"Asking {body.get('model') or 'auto'} ..."):
        answer = client.post(CHAT, body, COMPLETION_TIMEOUT_S, CANCELS)
    if as_json:
        print_json(answer.body)
    else:
        out().print(without_controls(_text(answer.body)), markup=False)
    return answer.headers


def _streamed(client: Client, body: dict[str, Any]) -> Mapping[str, str]:
    whole, answer_in = Collected(), AnswerReader()
    with client.stream(CHAT, body | {"stream": True}, CANCELS) as answer, Shown(body.get("model")) as shown:
        for chunk in answer:
            whole.add(chunk)
            shown.add(answer_in.add(text_in(chunk)))
        shown.add(answer_in.end())
        completion = json.loads(whole.completion())
        if not shown.begun:
            shown.add(_text(completion))
    return {"x-tallygate-model": str(completion.get("model")), **answer.headers}


def _message(given: str | None) -> str:
    if given is None and sys.stdin.isatty():
        raise refused(
            "there is no message",
            'Ask something: tallygate chat "Hello"',
            "Or talk: tallygate chat --session my-session",
        )
    text = sys.stdin.read().rstrip("\n") if given in (None, "-") else str(given)
    if not text.strip():
        raise refused("the message is empty")
    return text


def _messages(message: str, system: str | None) -> list[dict[str, str]]:
    before = [{"role": "system", "content": system}] if system else []
    return [*before, {"role": "user", "content": message}]


def _text(completion: Any) -> str:
    read = read_completion(completion)
    if not read.finish_reasons:
        raise ProblemError(Problem("bad_response", "the gateway's answer holds no message"))
    return read.text or calls_in(completion)


def _about(headers: Mapping[str, str]) -> str:
    names = ("x-tallygate-model", "x-tallygate-attempts", "x-tallygate-inference-id")
    model, attempts, inference_id = (headers.get(name) for name in names)
    told = [model, f"attempts: {attempts}" if attempts else None, f"tallygate show {inference_id or '?'}"]
    return " · ".join(part for part in told if part)
