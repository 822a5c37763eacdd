"""`tallygate secrets`: the keys that seal."""

from typing import Annotated

import typer

from services.cli.connection import JsonOption
from services.cli.output import cell, emit
from services.cli.problem import refused, reports_problems
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.crypto.signing import SigningKeys, new_signing_key

app = typer.Typer(no_args_is_help=True, help="The keys that seal what is stored, and that sign the books.")


@app.callback()
def secrets() -> None:
    """A callback keeps `new-key` a sub-command while it is the only one."""


@app.command("new-key")
@reports_problems
def make_key(
    kid: Annotated[str, typer.Option(help="The key's id, different from those in use.")] = "k1",
    as_json: JsonOption = False,
) -> None:
    """Print a fresh entry for TALLYGATE_KEYS. How keys are changed: tallygate secrets rotate --help"""
    _require_id(kid)
    entry = new_key(kid)
    KeyRing.parse(entry)
    emit({"kid": kid, "key": entry}, as_json, lambda body: cell(body["key"]))


@app.command("new-signing-key")
@reports_problems
def make_signing_key(
    kid: Annotated[str, typer.Option(help="The key's id, different from those in use.")] = "s1",
    as_json: JsonOption = False,
) -> None:
    """Print a fresh entry for TALLYGATE_SIGNING_KEYS, with which the monitor signs the seals of the books' days.

    The first key signs. One that is replaced stays behind it, or its public half does, so that old seals are verified.
    """
    _require_id(kid)
    entry = new_signing_key(kid)
    public = SigningKeys.parse(entry).public_text()
    emit({"kid": kid, "key": entry, "public_key": public}, as_json, lambda body: cell(body["key"]))


def _require_id(kid: str) -> None:
    if not kid.isprintable() or not kid or set(kid) & set(":, "):
        raise refused(f"{kid!r} is no key id: it may not be empty, nor hold a colon, comma or space")
