"""`tallygate models health`: how models are, and how they came to be so."""

from typing import Annotated, Any

import typer

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.models.health_view import health_timeline
from services.cli.output import emit
from services.cli.problem import refused, reports_problems
from shared.client.requests import HEALTH
from shared.registry.models import CUSTOM_PREFIX

_DEFAULT_WINDOW = "24h"
_MOST_CHANGES = 200


@reports_problems
def health(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="my-model or custom:my-model; all without it.")
    ] = None,
    window: Annotated[str | None, typer.Option(metavar="SPAN", help="15m, 1h, 7d ...; 24h without it.")] = None,
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="2026-11-23T08:00:00Z")] = None,
    until: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Now without it.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how each model is now, a timeline of its health, and every change with its reason."""
    if window and (since or until):
        raise refused("--window goes without --from and --to")
    if not (window or since or until):
        window = _DEFAULT_WINDOW
    if model and ":" not in model:
        model = CUSTOM_PREFIX + model
    query: dict[str, Any] = {"model": model, "window": window, "from": since, "to": until, "limit": str(_MOST_CHANGES)}
    emit(connect(gateway, key).get(HEALTH, **query).body, as_json, health_timeline)
