"""`tallygate chat`: ask a model, once or in a conversation."""

import sys
from typing import Annotated, Any

import typer

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.conversation import Conversation
from services.cli.output import err, on_terminal, out, plain, print_json, say
from services.cli.problem import refused, reports_problems
from shared.client import COMPLETION_TIMEOUT_S, Answer, Client, Problem, ProblemError
from shared.client.requests import CHAT


@reports_problems
def chat(
    message: Annotated[str | None, typer.Argument(help="What to ask; - reads it from standard input.")] = None,
    model: Annotated[str | None, typer.Option(help="custom:my-model, provider:model, or none for auto.")] = None,
    system: Annotated[str | None, typer.Option(help="A system message.")] = None,
    session: Annotated[str | None, typer.Option(help="Remember the conversation under this name.")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say who answered, and how often was tried.")
    ] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a model and print its answer. With --session and no message: a conversation."""
    if session is not None and system is not None:
        raise refused("--system cannot be used with --session: a session's system message is the gateway's")
    client = connect(gateway, key)
    if session is not None:
        conversation = Conversation(client, session, model, as_json=as_json, verbose=verbose)
        if message is None and on_terminal() and not as_json:
            conversation.run()
        else:
            conversation.ask(_message(message))
        return
    answer = _ask(client, _messages(_message(message), system), model)
    if as_json:
        print_json(answer.body)
    else:
        out().print(plain(_text(answer.body)), markup=False)
    if verbose:
        say(_about(answer), "dim")


def _ask(client: Client, messages: list[dict[str, str]], model: str | None) -> Answer:
    body = {"messages": messages} | ({"model": model} if model else {})
    with err().status(f"Asking {model or 'auto'} ..."):
        return client.post(CHAT, body, COMPLETION_TIMEOUT_S)


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
    try:
        message = completion["choices"][0]["message"]
        return str(message.get("content") or message.get("refusal") or message.get("tool_calls") or "")
    except (LookupError, TypeError, AttributeError):
        raise ProblemError(Problem("bad_response", "the gateway's answer holds no message")) from None


def _about(answer: Answer) -> str:
    names = ("x-tallygate-model", "x-tallygate-attempts", "x-tallygate-inference-id")
    model, attempts, inference_id = (answer.headers.get(name) or "?" for name in names)
    return f"{model} · attempts: {attempts} · tallygate show {inference_id}"
