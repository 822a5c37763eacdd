"""`tallygate monitor`: what the books say about a span of time."""

from typing import Annotated

import typer

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.monitoring.ranges import FromOption, ToOption, WindowOption, span_query
from services.cli.monitoring.summary_view import summary
from services.cli.output import emit
from services.cli.problem import reports_problems
from shared.client.requests import SUMMARY


@reports_problems
def monitor(
    window: WindowOption = None,
    since: FromOption = None,
    until: ToOption = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    operation: Annotated[str | None, typer.Option(help="Only chat, embeddings, ...")] = None,
    key_id: Annotated[str | None, typer.Option(metavar="KEY_ID", help="Only what this API key asked for.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Sum up requests, attempts, speed, costs, health and recent errors; without a span those of the last hour."""
    query = span_query(window, since, until) | {"model": model, "operation": operation, "key": key_id}
    emit(connect(gateway, key).get(SUMMARY, **query).body, as_json, summary)
