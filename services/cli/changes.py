"""`tallygate changes`: who changed what, and when."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Listing
from services.cli.output import cell, emit, instant
from services.cli.problem import reports_problems


@reports_problems
def changes(
    tenant: Annotated[str | None, typer.Option(help="Of this tenant; '*' for all. Needs an admin key.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    before: Annotated[str | None, typer.Option(help="Only older ones: the id that the last list ended with.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who changed models, keys, tenants and plans, newest first."""
    client = connect(gateway, key)
    emit(client.get("/api/changes", tenant=tenant, limit=str(limit), before=before).body, as_json, _view)


def _view(body: dict[str, Any]) -> RenderableType:
    made = Listing("at (UTC)", "tenant", "key", "action", "subject", "details")
    for change in body["changes"]:
        details = ", ".join(f"{name}={value}" for name, value in change["details"].items() if value is not None)
        values = (
            instant(change["at"]),
            change["tenant"],
            f"{change['key_id']} ({change['person']})" if change.get("person") else change["key_id"],
            change["action"],
            change["subject"],
            details,
        )
        made.add_row(*map(cell, values))
    if not body["changes"]:
        return cell("Nothing was changed.")
    return Group(made, cell(f"There are older ones: --before {body['next']}", "dim")) if body["next"] else made
