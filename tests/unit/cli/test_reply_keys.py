"""`tallygate reply-keys new`: the one command of these that asks no service."""

import base64
import json
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from typer.testing import CliRunner

from services.cli.reply_keys import app


def test_the_private_key_goes_to_a_new_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = tmp_path / "private.key"
    made = CliRunner().invoke(app, ["new", str(file), "--json"])
    private = X25519PrivateKey.from_private_bytes(base64.b64decode(file.read_text()))
    assert base64.b64decode(json.loads(made.stdout)["public_key"]) == private.public_key().public_bytes_raw()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    before = file.read_bytes()
    again = CliRunner().invoke(app, ["new", str(file)])
    assert again.exit_code != 0
    assert file.read_bytes() == before
