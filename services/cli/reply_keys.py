"""`tallygate reply-keys`: public keys for which answers by Kafka are sealed."""

import base64
import os
from pathlib import Path
from typing import Annotated, Any

import typer
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from rich.console import RenderableType

from services.cli.connection import GatewayOption, JsonOption, KeyOption, connect
from services.cli.listing import Listing
from services.cli.output import cell, emit, instant
from services.cli.problem import refused, reports_problems
from shared.client import in_path
from shared.client.requests import REPLY_KEYS

app = typer.Typer(no_args_is_help=True, help="Public keys, for which answers to your services by Kafka are sealed.")

KeyId = Annotated[str, typer.Argument(metavar="ID", help="As requests name it: reply_key_id.")]


@app.command("list")
@reports_problems
def list_reply_keys(gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """List your tenant's public keys."""
    emit(connect(gateway, key).get(REPLY_KEYS).body, as_json, _listed)


@app.command()
@reports_problems
def add(
    key_id: KeyId,
    public_key: Annotated[str, typer.Argument(help="Of X25519: 32 bytes in base64. `reply-keys new` makes one.")],
    gateway: GatewayOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a public key."""
    body = connect(gateway, key).post(REPLY_KEYS, {"id": key_id, "public_key": public_key}).body
    emit(body, as_json, lambda _: cell(f"✓ requests may name it: reply_key_id {key_id}", "green"))


@app.command()
@reports_problems
def remove(key_id: KeyId, gateway: GatewayOption = None, key: KeyOption = None, as_json: JsonOption = False) -> None:
    """Remove a public key. Answers to what was asked before are still sealed for it."""
    connect(gateway, key).delete(f"{REPLY_KEYS}/{in_path(key_id)}")
    emit({"id": key_id, "removed": True}, as_json, lambda _: cell(f"✓ reply key {key_id} is removed", "green"))


@app.command()
@reports_problems
def new(
    file: Annotated[Path, typer.Argument(help="For the private key: a new file that only you may read.")],
    as_json: JsonOption = False,
) -> None:
    """Make a pair of keys: the private one goes to a file, the public one is printed. Asks no service."""
    made = X25519PrivateKey.generate()
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(base64.b64encode(made.private_bytes_raw()) + b"\n")
    except OSError as error:
        raise refused(f"{file} cannot be made: {error.strerror}") from None
    public = base64.b64encode(made.public_key().public_bytes_raw()).decode()
    emit({"file": str(file), "public_key": public}, as_json, lambda _: cell(public))


def _listed(body: dict[str, Any]) -> RenderableType:
    made = Listing("id", "public key", "added (UTC)")
    for each in body["keys"]:
        made.add_row(cell(each["id"], "bold"), cell(each["public_key"]), cell(instant(each["created_at"])))
    return made if body["keys"] else cell("There are none. Make a pair: tallygate reply-keys new FILE")
