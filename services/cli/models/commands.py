"""`tallygate models`: what can be called, and the tenant's own."""

from typing import Annotated, Any

import typer
from rich.prompt import Confirm
from rich.text import Text

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.models.add import add
from services.cli.models.apply import apply
from services.cli.models.calls import model_path, try_model
from services.cli.models.export import export
from services.cli.models.health import health
from services.cli.models.selection import select
from services.cli.models.views import model_details, models_table, presets_table, tested_text
from services.cli.output import emit, err, on_terminal
from services.cli.problem import refused, reports_problems
from shared.client import Client
from shared.registry.models import CUSTOM_PREFIX

app = typer.Typer(no_args_is_help=True, help="Models: add, list, test, health, apply, export, remove.")
app.command()(add)
app.command()(select)
app.command()(apply)
app.command()(export)
app.command()(health)

ModelId = Annotated[str, typer.Argument(metavar="ID", help="my-model or custom:my-model.")]


@app.command("list")
@reports_problems
def list_models(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List every model that you can call, and those that are not active."""
    emit(connect(gateway, key).get("/api/models/list").body, as_json, models_table)


@app.command()
@reports_problems
def presets(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List well-known model servers and providers, and where they are."""
    emit(connect(gateway, key).get("/api/models/presets").body, as_json, presets_table)


@app.command()
@reports_problems
def show(model_id: ModelId, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """Show how a model is registered; never its key."""
    emit(_found(connect(gateway, key), model_id), as_json, model_details)


@app.command("test")
@reports_problems
def try_out(
    model_id: ModelId,
    message: Annotated[str | None, typer.Option(help="What to ask it.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask the model for a real completion, active or not."""
    emit(try_model(connect(gateway, key), model_id, message), as_json, tested_text)


@app.command()
@reports_problems
def activate(
    model_id: ModelId, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Let requests be routed to the model."""
    _set_active(connect(gateway, key), model_id, True, as_json)


@app.command()
@reports_problems
def deactivate(
    model_id: ModelId, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Keep the model registered and route nothing to it."""
    _set_active(connect(gateway, key), model_id, False, as_json)


@app.command()
@reports_problems
def remove(
    model_id: ModelId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a model and its stored key. The books keep what it did."""
    client = connect(gateway, key)
    if not yes and not _confirmed(model_id, as_json):
        raise typer.Exit(1)
    client.delete(model_path(model_id))
    emit({"model_id": model_id, "removed": True}, as_json, lambda _: _done(f"{model_id} is removed"))


def _found(client: Client, model_id: str) -> dict[str, Any]:
    provider = ":" in model_id and not model_id.startswith(CUSTOM_PREFIX)
    listed = client.get("/api/models/list").body["models"] if provider else []
    for model in listed:
        if model["id"] == model_id:
            return dict(model)
    found: dict[str, Any] = client.get(model_path(model_id)).body
    return found


def _set_active(client: Client, model_id: str, active: bool, as_json: bool) -> None:
    model = client.patch(model_path(model_id), {"is_active": active}).body
    emit(model, as_json, lambda body: _done(f"{body['id']} is {'active' if active else 'not active any more'}"))


def _confirmed(model_id: str, as_json: bool) -> bool:
    if as_json or not on_terminal():
        raise refused(f"nothing was removed: add --yes to remove {model_id} without being asked")
    return Confirm.ask(f"Remove {model_id} and its stored key?", console=err(), default=False)


def _done(sentence: str) -> Text:
    return Text.assemble(("✓ ", "green"), sentence)
