"""`tallygate models add`: the gateway probes the endpoint, has the model answer, and stores it when all is well."""

import difflib
from typing import Annotated, Any

import typer
from rich.text import Text

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.given_key import given_key
from services.cli.models.calls import presets, register, set_up
from services.cli.models.form import ModelForm, Provider, TaskName
from services.cli.models.views import shown, tested_text
from services.cli.output import emit, on_terminal, plain
from services.cli.problem import refused, reports_problems
from shared.client import Client
from shared.registry.models import Task

_USES: dict[Task, str] = {
    "chat": 'tallygate chat --model {} "Hello"',
    "embeddings": 'POST /v1/embeddings, "model": "{}"',
    "rerank": 'POST /v1/rerank, "model": "{}"',
}
_SOURCES = {"endpoint": "the endpoint"}


@reports_problems
def add(
    model_id: Annotated[str | None, typer.Option("--id", help="Its id here, for example my-model.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="URL", help="For example http://host:8080/v1.")] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Fill in the endpoint; see: tallygate models presets")
    ] = None,
    provider: Annotated[
        Provider | None, typer.Option(help="What the endpoint speaks; otherwise found out by asking it.")
    ] = None,
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
    timeout_s: Annotated[float | None, typer.Option(help="Seconds for a whole answer.")] = None,
    first_chunk_timeout_s: Annotated[
        float | None, typer.Option(help="Seconds until a stream begins; otherwise as for a whole answer.")
    ] = None,
    idle_timeout_s: Annotated[float | None, typer.Option(help="Seconds of silence within a stream.")] = None,
    task: Annotated[
        list[TaskName] | None,
        typer.Option(help="What it is for, several times if need be; otherwise found out by asking it."),
    ] = None,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    no_test: Annotated[bool, typer.Option("--no-test", help="Activate it without trying it.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Probe an endpoint, have its model answer a real completion, and register it; what fails leaves nothing behind.

    Without --id and --endpoint, on a terminal, it asks.
    """
    form = ModelForm(
        model_id=model_id,
        endpoint_url=endpoint,
        provider=provider,
        api_key=given_key(api_key, api_key_env, api_key_stdin),
        model=model,
        context_window=context_window,
        max_concurrency=max_concurrency,
        input_price=input_price,
        output_price=output_price,
        timeout_s=timeout_s,
        first_chunk_timeout_s=first_chunk_timeout_s,
        idle_timeout_s=idle_timeout_s,
        tasks=tuple(task or ()),
        description=description,
    )
    client = connect(gateway, key)
    if preset is not None:
        form = form.with_preset(_preset(client, preset))
    if form.missing and (as_json or not on_terminal()):
        raise refused(f"{' and '.join(form.missing)} must be given", "On a terminal, without --json, you are asked.")
    if form.missing:
        from services.cli.models.wizard import run_wizard  # not at the top: what asks at a terminal takes long to load

        run_wizard(client, form, no_test=no_test)
    else:
        emit(_add(client, form, no_test=no_test), as_json, _added)


def _add(client: Client, form: ModelForm, *, no_test: bool) -> dict[str, Any]:
    if no_test:
        return {"model": register(client, form.untested_body(), is_active=True), "filled_in": {}, "test": None}
    done = set_up(client, form.body())
    model, filled_in = done.pop("model"), done.pop("filled_in", {})
    return {"model": model, "filled_in": filled_in, "test": {"ok": True, "model": model["id"], **done}}


def _added(body: dict[str, Any]) -> Text:
    text = tested_text(body["test"]).append("\n") if body["test"] else Text()
    model_id = body["model"]["id"]
    text.append("✓ ", "green").append(f"{model_id} is active.", "bold")
    for field, source in body["filled_in"].items():
        text.append(f"\n  {field} as known from {_SOURCES.get(source, source)}: ", "dim")
        text.append(plain(shown(field, body["model"][field])))
    tasks = (body["model"].get("capabilities") or {}).get("tasks") or ["chat"]
    return text.append(f"\n  Use it: {_USES[tasks[0]].format(model_id)}", "dim")


def _preset(client: Client, name: str) -> dict[str, Any]:
    known = {preset["name"]: preset for preset in presets(client)}
    if name not in known:
        near = difflib.get_close_matches(name, known, 2) or sorted(known)
        raise refused(f"there is no preset {name!r}", f"Try {', '.join(near)}.", "List them: tallygate models presets")
    return known[name]
