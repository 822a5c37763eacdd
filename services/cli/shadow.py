"""`tallygate shadow`: try a model with copies of a share of the requests."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Listing
from services.cli.output import cell, emit
from services.cli.problem import reports_problems
from shared.client.requests import SHADOW, SHADOWS

_SECONDS = ("p50_s", "p95_s", "first_chunk_p50_s")

app = typer.Typer(no_args_is_help=True, help="Shadow: try a model with copies of your requests.")


@app.command("set")
@reports_problems
def set_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="As `models list` shows it.")],
    share: Annotated[float, typer.Option(min=0, max=1, help="Of your chats, above 0 and up to 1.")],
    usd_per_day: Annotated[float | None, typer.Option(min=0, help="No more copies when they have cost this.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a model copies of a share of your chats from now on. Nobody waits for its answers, and they are not kept."""
    body = {"model": model, "share": share} | ({} if usd_per_day is None else {"usd_per_day": usd_per_day})
    emit(connect(gateway, key).put(SHADOW, body).body, as_json, _setting)


@app.command()
@reports_problems
def off(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """Make no more copies."""
    connect(gateway, key).delete(SHADOW)
    emit({"model": None, "share": 0.0}, as_json, _setting)


@app.command()
@reports_problems
def show(
    window: Annotated[str, typer.Option(help="Of copies that ended in this time, such as 15m, 24h or 7d.")] = "24h",
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which model gets copies, and how they compare with the requests that they are copies of."""
    client = connect(gateway, key)
    body = {"shadow": client.get(SHADOW).body, "compared": client.get(SHADOWS, window=window).body}
    emit(body, as_json, lambda body: Group(_setting(body["shadow"]), _compared(body["compared"])))


def _setting(body: dict[str, Any]) -> RenderableType:
    if body["model"] is None:
        return cell("no model gets copies of your requests", "dim")
    budget = body.get("usd_per_day")
    spent = "" if budget is None else f"; {body['usd_today']:.4f} of {budget:g} USD are spent today"
    return cell(f"{body['model']} gets copies of {body['share'] * 100:g} % of your chats{spent}", "green")


def _compared(body: dict[str, Any]) -> RenderableType:
    numbers = ("requests", "completed", "p50 s", "p95 s", "first chunk s", "USD", "tokens in", "tokens out")
    made = Listing("model", *numbers, "errors", numbers=numbers)
    for group in body["groups"]:
        for name, model in (("original", group["model"]), ("shadow", group["shadow_model"])):
            side = group[name]
            errors = ", ".join(f"{count} {kind}" for kind, count in side["by_error_type"].items())
            seconds = ["-" if side[of] is None else f"{side[of]:.2f}" for of in _SECONDS]
            money = (f"{side['cost_usd']:.4f}", f"{side['input_tokens']:,}", f"{side['output_tokens']:,}")
            label = cell(model, "bold") if name == "original" else cell(f"  copies to {model}")
            values = (group["pairs"], side["completed"], *seconds, *money, errors)
            made.add_row(label, *(cell(str(value)) for value in values))
    shown = made if body["groups"] else cell("No copy has ended in this time.")
    return Group(shown, cell(f"{body['not_made']} copies were not made", "dim")) if body["not_made"] else shown
