"""`tallygate monitor`: what the books say about a span of time."""

from typing import Annotated

import typer

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.monitoring_view import summary
from services.cli.output import emit
from services.cli.problem import reports_problems
from shared.client.requests import MONITORING


@reports_problems
def monitor(
    window: Annotated[str, typer.Option(metavar="SPAN", help="15m, 1h, 7d ... up to 400d.")] = "1h",
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up requests, attempts, speed, costs, health and recent errors."""
    emit(connect(gateway, key).get(MONITORING, window=window, model=model).body, as_json, summary)
