"""A model's secrets, opened for one call and forgotten after it."""

from typing import NamedTuple

import orjson

from shared.crypto import KeyRing, open_sealed
from shared.registry import Model
from shared.registry.headers import sendable
from shared.registry.secrets import api_key_context, headers_context


class CallSecrets(NamedTuple):
    api_key: str | None
    headers: dict[str, str]

    @property
    def to_redact(self) -> tuple[str, ...]:
        """What must not be seen in any error text, also without its scheme ("Token abc...").
        Short header values are no secrets and would garble the text."""
        parts = {part for value in self.headers.values() for part in (value, *value.split())}
        headers = tuple(sorted(part for part in parts if len(part) >= 8))
        return (self.api_key, *headers) if self.api_key else headers


def open_secrets(ring: KeyRing, model: Model) -> CallSecrets:
    """Raises UnreadableSecretError."""
    return CallSecrets(_api_key(ring, model), _headers(ring, model))


def _api_key(ring: KeyRing, model: Model) -> str | None:
    if model.sealed_api_key is None:
        return model.plain_api_key
    return open_sealed(ring, api_key_context(model), model.sealed_api_key).decode()


def _headers(ring: KeyRing, model: Model) -> dict[str, str]:
    if model.sealed_headers is None:
        return {}
    headers: dict[str, str] = orjson.loads(open_sealed(ring, headers_context(model), model.sealed_headers))
    return sendable(headers)
