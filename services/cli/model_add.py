"""`tallygate models add`: register a model, test it with a real completion, and activate it when it answers."""

import os
import sys
from dataclasses import replace
from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli.client import Client
from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.model_form import ModelForm, Provider
from services.cli.model_views import tested_text
from services.cli.output import emit, on_terminal, say
from services.cli.problem import ProblemError, refused, told
from services.cli.registration import Registration, register_untested, registered
from services.cli.wizard import run_wizard


@told
def add(
    model_id: Annotated[str | None, typer.Option("--id", help="Its id here, for example my-model.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="URL", help="For example http://host:8080/v1.")] = None,
    provider: Annotated[Provider, typer.Option(help="What the endpoint speaks.")] = Provider.OPENAI,
    api_key: Annotated[str | None, typer.Option(help="Its key; other users of this machine may see it.")] = None,
    api_key_env: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its key is in this environment variable.")
    ] = None,
    api_key_stdin: Annotated[bool, typer.Option("--api-key-stdin", help="Its key comes on standard input.")] = False,
    model: Annotated[str | None, typer.Option(metavar="NAME", help="The model's name at the endpoint.")] = None,
    context_window: Annotated[int | None, typer.Option(help="In tokens.")] = None,
    max_concurrency: Annotated[int | None, typer.Option(help="Calls at the same time.")] = None,
    input_price: Annotated[float | None, typer.Option(help="USD per million tokens.")] = None,
    output_price: Annotated[float | None, typer.Option(help="USD per million tokens.")] = None,
    timeout_s: Annotated[float | None, typer.Option(help="For a whole answer.")] = None,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    no_test: Annotated[bool, typer.Option("--no-test", help="Activate it without trying it.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a model, test it with a real completion, and activate it; one that fails is removed again.

    Without --id and --endpoint, on a terminal, it asks.
    """
    form = ModelForm(
        model_id=model_id,
        endpoint_url=endpoint,
        provider=provider,
        api_key=_api_key(api_key, api_key_env, api_key_stdin),
        model=model,
        context_window=context_window,
        max_concurrency=max_concurrency,
        input_price=input_price,
        output_price=output_price,
        timeout_s=timeout_s,
        description=description,
    )
    if form.missing and (as_json or not on_terminal()):
        raise refused(f"{' and '.join(form.missing)} must be given", "On a terminal, without --json, you are asked.")
    client = connect(gateway, key)
    if form.missing:
        run_wizard(client, form, no_test=no_test)
    else:
        emit(_add(client, form, no_test=no_test), as_json, _added)


def _add(client: Client, form: ModelForm, *, no_test: bool) -> dict[str, Any]:
    if no_test:
        return {"model": register_untested(client, form.body()), "test": None}
    with registered(client, form.body()) as registration:
        say(f"Registered {registration.id}; testing it with a real completion ...", "dim")
        test = _tested(registration)
        registration.activate()
        return {"model": registration.model, "test": test}


def _tested(registration: Registration) -> dict[str, Any]:
    try:
        return registration.test()
    except ProblemError as error:
        # The gateway's tips are for a model that stays; this one goes.
        again = f"{registration.id} was taken back: make the change and run the same command again."
        raise ProblemError(replace(error.problem, tips=(*error.problem.tips, again))) from None


def _added(body: dict[str, Any]) -> Text:
    text = tested_text(body["test"]).append("\n") if body["test"] else Text()
    model_id = body["model"]["id"]
    text.append("✓ ", "green").append(f"{model_id} is active.", "bold")
    return text.append(f'\n  Use it: tallygate chat --model {model_id} "Hello"', "dim")


def _api_key(given: str | None, variable: str | None, from_stdin: bool) -> str | None:
    if (given is not None) + (variable is not None) + from_stdin > 1:
        raise refused("give the key once: --api-key, --api-key-env or --api-key-stdin")
    if from_stdin:
        given = sys.stdin.readline().strip()
        if not given:
            raise refused("--api-key-stdin was given, and standard input holds no key")
    if variable is not None:
        given = os.environ.get(variable, "").strip()
        if not given:
            raise refused(f"--api-key-env names {variable}, and that variable is not set")
    return given
