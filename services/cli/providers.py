"""`tallygate providers`: which there are, and your own key of one."""

from typing import Annotated, Any

import typer
from rich.console import RenderableType

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.given_key import given_key
from services.cli.listing import Listing
from services.cli.output import cell, emit, instant, on_terminal
from services.cli.problem import refused, reports_problems
from shared.client import in_path

app = typer.Typer(no_args_is_help=True, help="Providers: which there are, and your own keys of them.")
Name = Annotated[str, typer.Argument(metavar="PROVIDER")]


@app.command("list")
@reports_problems
def list_providers(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List the providers, their models, and whose key is used."""
    emit(connect(gateway, key).get("/api/providers").body, as_json, _listed)


@app.command("set-key")
@reports_problems
def set_key(
    provider: Name,
    api_key: Annotated[
        str | None, typer.Option(help="Seen by others in the process list; better with one of the options below.")
    ] = None,
    api_key_env: Annotated[str | None, typer.Option(help="The environment variable that holds it.")] = None,
    api_key_stdin: Annotated[bool, typer.Option(help="Read it from standard input.")] = False,
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Store your own key of a provider; it is used instead of the deployment's. On a terminal you are asked for it."""
    secret = given_key(api_key, api_key_env, api_key_stdin)
    if secret is None:
        secret = _asked(provider, as_json)
    connect(gateway, key).put(f"/api/providers/{in_path(provider)}/key", {"api_key": secret})
    stored = f"✓ your key of {provider} is stored, sealed. Test it: tallygate chat --model {provider}:<model> Hello"
    emit({"provider": provider, "stored": True}, as_json, lambda _: cell(stored, "green"))


@app.command("remove-key")
@reports_problems
def remove_key(
    provider: Name, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False
) -> None:
    """Remove your own key of a provider."""
    connect(gateway, key).delete(f"/api/providers/{in_path(provider)}/key")
    done = f"✓ your key of {provider} is removed"
    emit({"provider": provider, "removed": True}, as_json, lambda _: cell(done, "green"))


def _asked(provider: str, as_json: bool) -> str:
    if as_json or not on_terminal():
        raise refused("no key was given: --api-key-env NAME or --api-key-stdin")
    secret: str = typer.prompt(f"Your key of {provider}", hide_input=True)
    return secret.strip()


def _listed(body: dict[str, Any]) -> RenderableType:
    made = Listing("provider", "key", "at", "models", "key stored (UTC)")
    for provider in body["providers"]:
        missing = provider["key"] == "none" and provider["key_required"]
        made.add_row(
            cell(provider["name"], "bold"),
            cell("missing" if missing else provider["key"], "red" if missing else ""),
            cell(provider["base_url"]),
            cell(", ".join(provider["models"])),
            cell(instant(provider["key_updated_at"])),
        )
    return made if body["providers"] else cell("There are no providers. Operators name them in TALLYGATE_PROVIDERS.")
