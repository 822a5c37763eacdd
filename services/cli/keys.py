"""`tallygate keys`: make, list and revoke API keys."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Listing
from services.cli.output import cell, emit, instant
from services.cli.problem import reports_problems
from shared.access import SCOPES, new_api_key
from shared.client import in_path
from shared.client.requests import KEYS
from shared.priorities import PRIORITIES

app = typer.Typer(no_args_is_help=True, help="API keys: make, list, revoke.")


@app.command()
@reports_problems
def create(
    tenant: Annotated[str, typer.Option(help="Whose key; a new tenant is made.")],
    scope: Annotated[
        list[str] | None, typer.Option(help=f"Of {', '.join(SCOPES)}; may be repeated. Otherwise all but admin.")
    ] = None,
    name: Annotated[str, typer.Option(help="To know it again.")] = "",
    model: Annotated[
        list[str] | None,
        typer.Option(help="Pattern of models that it may use, such as custom:*; may be repeated. Otherwise all."),
    ] = None,
    max_priority: Annotated[
        str | None, typer.Option(help=f"Of {', '.join(PRIORITIES)}: its requests are no more urgent. Otherwise any.")
    ] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an API key. It is shown this once."""
    body: dict[str, Any] = {"tenant": tenant, "name": name}
    body |= ({"scopes": scope} if scope else {}) | ({"allowed_models": model} if model else {})
    body |= {"max_priority": max_priority} if max_priority else {}
    emit(connect(gateway, key).post(KEYS, body).body, as_json, _created)


@app.command("list")
@reports_problems
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the keys, never their secret."""
    emit(connect(gateway, key).get(KEYS, tenant=tenant).body, as_json, _listed)


@app.command()
@reports_problems
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `keys list` shows it.")],
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a key at once."""
    connect(gateway, key).delete(f"{KEYS}/{in_path(key_id)}")
    emit({"key_id": key_id, "revoked": True}, as_json, lambda _: cell(f"✓ key {key_id} is revoked", "green"))


@app.command("new-admin-key")
@reports_problems
def new_admin_key(as_json: JsonOption = False) -> None:
    """Print a fresh key for the file that TALLYGATE_ADMIN_KEY_FILE names. Asks no service."""
    made = new_api_key()
    emit({"key": made.text, "key_id": made.key_id}, as_json, lambda body: cell(body["key"]))


def _created(body: dict[str, Any]) -> RenderableType:
    about = f"key {body['key_id']} of tenant {body['tenant']}: {', '.join(body.get('scopes', ()))}"
    return Group(cell(body["key"], "bold"), cell(f"{about}. It is not shown again.", "dim"))


def _listed(body: dict[str, Any]) -> RenderableType:
    made = Listing("key", "tenant", "scopes", "name", "models", "at most", "created (UTC)", "revoked (UTC)")
    for key in body["keys"]:
        models = " ".join(key.get("allowed_models") or ["all"])
        values = (
            key["key_id"],
            key["tenant"],
            " ".join(key["scopes"]),
            key["name"],
            models,
            key.get("max_priority") or "any",
        )
        dates = (instant(key["created_at"]), instant(key["revoked_at"]))
        made.add_row(*(cell(value, "dim" if key["revoked_at"] else "") for value in (*values, *dates)))
    return made if body["keys"] else cell("There are no keys.")
