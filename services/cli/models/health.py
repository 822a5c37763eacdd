"""`tallygate models health`: how models are, and how they came to be so."""

from typing import Annotated

import typer

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.models.health_view import health_timeline
from services.cli.monitoring.ranges import FromOption, ToOption, WindowOption, span_query
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
    window: WindowOption = None,
    since: FromOption = None,
    until: ToOption = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how each model is now, a timeline of its health, and every change with its reason; without a span those of
    the last day."""
    if window and (since or until):
        raise refused("--window goes without --from and --to")
    if not (window or since or until):
        window = _DEFAULT_WINDOW
    if model and ":" not in model:
        model = CUSTOM_PREFIX + model
    query = {"model": model} | span_query(window, since, until) | {"limit": str(_MOST_CHANGES)}
    emit(connect(gateway, key).get(HEALTH, **query).body, as_json, health_timeline)
