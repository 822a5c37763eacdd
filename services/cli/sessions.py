"""`tallygate sessions`: cap what the requests of one session may use in all."""

from typing import Annotated, Any

import typer
from rich.console import RenderableType

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Fields, Listing
from services.cli.output import cell, emit, instant
from services.cli.problem import refused, reports_problems
from shared.client import in_path
from shared.client.requests import SESSIONS

app = typer.Typer(no_args_is_help=True, help="Sessions: cap what one agent's run may use.")

SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="As its requests say in x-tallygate-session.")]


@app.command("list")
@reports_problems
def list_sessions(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List your tenant's capped sessions, with what they have used."""
    emit(connect(gateway, key).get(SESSIONS).body, as_json, _listed)


@app.command()
@reports_problems
def show(
    session: SessionArgument, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Show a session's cap, and what its requests have used of it."""
    emit(connect(gateway, key).get(f"{SESSIONS}/{in_path(session)}").body, as_json, _details)


@app.command()
@reports_problems
def cap(
    session: SessionArgument,
    usd: Annotated[float | None, typer.Option(min=0, help="US dollars.")] = None,
    calls: Annotated[int | None, typer.Option(min=0, help="Calls of models, retries and fallbacks too.")] = None,
    tokens: Annotated[int | None, typer.Option(min=0, help="Tokens of prompts and answers.")] = None,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cap a session from now on, or change its cap: what it has used still counts. What is not named is not capped."""
    named = {"usd": usd, "calls": calls, "tokens": tokens}
    amounts = {name: amount for name, amount in named.items() if amount is not None}
    if not amounts:
        raise refused("nothing to cap was named", "See: tallygate sessions cap --help")
    emit(connect(gateway, key).post(SESSIONS, {"session": session, **amounts}).body, as_json, _details)


@app.command()
@reports_problems
def uncap(
    session: SessionArgument, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Take a session's cap away, and what was counted with it."""
    connect(gateway, key).delete(f"{SESSIONS}/{in_path(session)}")
    body = {"session": session, "removed": True}
    emit(body, as_json, lambda _: cell(f"✓ session {session} has no cap any more", "green"))


def _listed(body: dict[str, Any]) -> RenderableType:
    numbers = ("USD", "calls", "tokens")
    made = Listing("session", *numbers, "used up", "until", numbers=numbers)
    for one in body["sessions"]:
        parts = [cell(_of(one, name)) for name in ("usd", "calls", "tokens")]
        made.add_row(
            cell(one["session"], "bold"), *parts, cell(", ".join(one["used_up"]), "red"), cell(instant(one["until"]))
        )
    return made if body["sessions"] else cell("No session is capped. Cap one: tallygate sessions cap SESSION --usd 5")


def _details(body: dict[str, Any]) -> RenderableType:
    used_up = cell(", ".join(body["used_up"]) + ": its requests are refused", "red") if body["used_up"] else cell("no")
    return Fields([
        ("session", cell(body["session"], "bold")),
        *((name, cell(_of(body, key))) for name, key in (("USD", "usd"), ("calls", "calls"), ("tokens", "tokens"))),
        ("used up", used_up),
        ("since", cell(f"{instant(body['since'])} UTC")),
        ("until", cell(f"{instant(body['until'])} UTC")),
    ])  # fmt: skip


def _of(one: dict[str, Any], name: str) -> str:
    """What is used, of how much."""
    form = "{:,.4f}" if name == "usd" else "{:,}"
    used, most = form.format(one["used"][name]), one[name]
    return used if most is None else f"{used} of {form.format(most)}"
