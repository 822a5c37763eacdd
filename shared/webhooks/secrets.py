"""The secret that signs what is sent to a webhook: `whsec_` and base64, as Standard Webhooks writes it."""

import base64
import secrets
from uuid import UUID

from shared.crypto import KeyRing, SealedContext, open_sealed, seal

_BYTES = 32


def new_secret() -> str:
    return f"whsec_{base64.b64encode(secrets.token_bytes(_BYTES)).decode()}"


def seal_secret(ring: KeyRing, tenant_id: str, webhook_id: UUID, secret: str) -> str:
    return seal(ring, _context(tenant_id, webhook_id), secret.encode())


def open_secret(ring: KeyRing, tenant_id: str, webhook_id: UUID, sealed: str) -> str:
    """Raises UnreadableSecretError."""
    return open_sealed(ring, _context(tenant_id, webhook_id), sealed).decode()


def _context(tenant_id: str, webhook_id: UUID) -> SealedContext:
    return SealedContext(tenant_id, "webhook", str(webhook_id))
