"""`tallygate inferences`: what was asked and how it ended, page by page."""

from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Listing
from services.cli.monitoring import background
from services.cli.monitoring.ranges import FromOption, ToOption, WindowOption, span_query
from services.cli.output import behind, cell, emit, instant, plain, seconds, state_style, usd
from services.cli.problem import reports_problems
from services.cli.show import show
from shared.client.requests import INFERENCES

app = typer.Typer(no_args_is_help=True, help="Inferences: what was asked, and how it ended.")
app.command("show")(show)
app.command("follow")(background.follow)
app.command("cancel")(background.cancel)

_NUMBERS = ("attempts", "took", "tokens", "cost")


@app.command("list")
@reports_problems
def list_inferences(
    window: WindowOption = None,
    since: FromOption = None,
    until: ToOption = None,
    state: Annotated[
        str | None, typer.Option(help="accepted, running, completed, failed, rejected, expired or cancelled.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    error_type: Annotated[str | None, typer.Option(help="As `tallygate errors` lists them.")] = None,
    operation: Annotated[str | None, typer.Option(help="chat, embeddings, ...")] = None,
    key_id: Annotated[str | None, typer.Option(metavar="KEY_ID", help="What this API key asked for.")] = None,
    session: Annotated[str | None, typer.Option(help="As callers sent it in x-tallygate-session.")] = None,
    tag: Annotated[
        str | None,
        typer.Option(metavar="NAME=VALUE,...", help="As callers sent them in x-tallygate-tags; all of them."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on: what the last page ended with.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List inferences, newest first: by their settlement, and while they are open by their acceptance. Without a span
    those of the last hour.

    A page may be short, or empty, and have a cursor: the books were looked through so far.
    """
    query = span_query(window, since, until) | {
        "state": state,
        "model": model,
        "error_type": error_type,
        "operation": operation,
        "key": key_id,
        "session": session,
        "tag": tag,
        "limit": str(limit),
        "cursor": cursor,
    }
    emit(connect(gateway, key).get(INFERENCES, **query).body, as_json, _view)


def _view(body: dict[str, Any]) -> RenderableType:
    made = Listing("at (UTC)", "inference", "state", "model", *_NUMBERS, "error", numbers=_NUMBERS)
    for item in body["items"]:
        made.add_row(
            cell(instant(item["settled_at"] or item["accepted_at"])),
            cell(item["inference_id"]),
            cell(item["state"], state_style(item["state"])),
            cell(item["model_served"] or item["model_requested"] or "auto"),
            cell(item["attempts"]),
            cell(seconds(item["duration_s"])),
            cell(tokens(item.get("usage"))),
            cell(usd(item["cost_usd"])),
            cell(item["error_type"], "red"),
        )
    ending = [Text()] if body["items"] else [cell("There is no such inference in that span.")]
    ending.append(cell(f"as of {instant(body['as_of'])} UTC, the books are {behind(body['lag_s'])}", "dim"))
    if body["next_cursor"]:
        since = f"looked back to {instant(body['looked_to'])} UTC"
        ending.append(cell(f"{since}; there may be more: --cursor {body['next_cursor']}", "dim"))
    return Group(*([made] if body["items"] else []), *ending)


def tokens(usage: dict[str, Any] | None) -> str:
    """Of one inference: what is not known is never shown as 0."""
    if not usage or usage["input_tokens"] is usage["output_tokens"] is None:
        return ""
    sides = ("?" if usage[name] is None else str(usage[name]) for name in ("input_tokens", "output_tokens"))
    return plain(" → ".join(sides) + (" (estimated)" if usage["state"] == "estimated" else ""))
