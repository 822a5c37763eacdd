"""Secrets that the local run makes for itself: written once, readable by their owner only."""

import base64
import os
import secrets
from collections.abc import Callable
from pathlib import Path


def read_or_create(path: Path, make: Callable[[], str]) -> str:
    if path.exists():
        return path.read_text().strip()
    secret = make()
    write_private(path, secret + "\n")
    return secret


def write_private(path: Path, text: str) -> None:
    """Created with mode 0600 and renamed into place: at no moment readable by others or half-written."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    partial.rename(path)


def new_key_ring() -> str:
    return f"k1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def new_signing_keys() -> str:
    """An Ed25519 private key is 32 random bytes."""
    return f"s1:{base64.b64encode(secrets.token_bytes(32)).decode()}"


def new_admin_key() -> str:
    return f"tg_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def new_password() -> str:
    return secrets.token_urlsafe(24)
