"""The secrets of models: the contexts that they are sealed with, and how they are opened for one call."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed
from shared.registry.headers import sendable
from shared.registry.models import Model

_LEAST_SECRET_CHARS = 8


@dataclass(frozen=True, slots=True)
class ModelSecrets:
    """What an endpoint is sent as proof, in the clear: to be forgotten after the call, and never shown."""

    api_key: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def to_redact(self) -> tuple[str, ...]:
        """What must not be seen in any error text, also without its scheme ("Token abc...").
        Short header values are no secrets and would garble the text."""
        parts = {part for value in self.headers.values() for part in (value, *value.split())}
        headers = tuple(sorted(part for part in parts if len(part) >= _LEAST_SECRET_CHARS))
        return (self.api_key, *headers) if self.api_key else headers


def open_secrets(ring: KeyRing, model: Model) -> ModelSecrets:
    """As they may be sent. Raises UnreadableSecretError."""
    key, headers = _opened(ring, model)
    return ModelSecrets(
        model.plain_api_key if key is None else key.decode(),
        {} if headers is None else sendable(orjson.loads(headers)),
    )


def why_unreadable(ring: KeyRing, model: Model) -> str | None:
    """Why a secret of the model cannot be opened; None when all can."""
    try:
        _opened(ring, model)
    except UnreadableSecretError as error:
        return str(error)
    return None


def custom_key_context(tenant_id: str, model_name: str) -> SealedContext:
    return SealedContext(tenant_id, "model_api_key", model_name)


def custom_headers_context(tenant_id: str, model_name: str) -> SealedContext:
    return SealedContext(tenant_id, "model_headers", model_name)


def provider_key_context(tenant_id: str, provider: str) -> SealedContext:
    return SealedContext(tenant_id, "provider_api_key", provider)


def api_key_context(model: Model) -> SealedContext:
    tenant_id = model.tenant_id or ""
    if model.is_custom:
        return custom_key_context(tenant_id, model.name)
    return provider_key_context(tenant_id, model.provider_name)


def headers_context(model: Model) -> SealedContext:
    return custom_headers_context(model.tenant_id or "", model.name)


def _opened(ring: KeyRing, model: Model) -> tuple[bytes | None, bytes | None]:
    """API key and headers as they were sealed; None for what is not. Raises UnreadableSecretError."""
    key, headers = model.sealed_api_key, model.sealed_headers
    return (
        None if key is None else open_sealed(ring, api_key_context(model), key),
        None if headers is None else open_sealed(ring, headers_context(model), headers),
    )
