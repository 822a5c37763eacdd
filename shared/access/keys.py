"""API keys: `tg_<key id>_<secret>`. Shown once, kept as SHA-256; the id is public and finds the row."""

import hashlib
import re
import secrets
from typing import NamedTuple

_FORM = re.compile(r"tg_([0-9a-f]{8})_([A-Za-z0-9_-]{20,100})")


class ApiKey(NamedTuple):
    key_id: str
    text: str


def new_api_key() -> ApiKey:
    key_id = secrets.token_hex(4)
    return ApiKey(key_id, f"tg_{key_id}_{secrets.token_urlsafe(32)}")


def parse_key(text: str) -> ApiKey | None:
    found = _FORM.fullmatch(text)
    return ApiKey(found[1], text) if found else None


def hash_key(text: str) -> bytes:
    """The keys are random and long, so a plain hash is enough."""
    return hashlib.sha256(text.encode()).digest()
