"""A value as a text that only the consoles of this deployment can make and open: what a cookie holds."""

import base64
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from shared.crypto.keys import KeyRing
from shared.crypto.sealed import SealedContext, UnreadableSecretError, open_bytes, seal_bytes

Value = TypeVar("Value", bound=BaseModel)


def sealed_text(ring: KeyRing, place: SealedContext, value: BaseModel) -> str:
    return base64.urlsafe_b64encode(seal_bytes(ring, place, value.model_dump_json().encode())).decode()


def opened_text(ring: KeyRing, place: SealedContext, kind: type[Value], text: str) -> Value | None:
    """None for what is none of ours, was altered, or was sealed for another place."""
    try:
        return kind.model_validate_json(open_bytes(ring, place, base64.urlsafe_b64decode(text)))
    except (UnreadableSecretError, ValidationError, ValueError):
        return None
