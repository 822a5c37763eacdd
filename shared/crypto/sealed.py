"""Seal and open. A sealed secret is: version, length of the key id, key id, nonce, ciphertext with its tag.

Its text form is base64.
"""

import base64
import os
from typing import NamedTuple

from cryptography.exceptions import InvalidTag

from shared.crypto.keys import KeyRing

_VERSION = 1
_NONCE_BYTES = 12
_TAG_BYTES = 16
_NOT_SEALED = "it is not in the sealed format"


class SealedContext(NamedTuple):
    """What a secret belongs to. It is authenticated with it, so a secret cannot be moved to another place."""

    tenant: str
    kind: str
    id: str

    def associated_data(self) -> bytes:
        return "\x1f".join(self).encode()


class UnreadableSecretError(Exception):
    """The secret cannot be opened: its key is not in the ring, or it was altered or moved."""


def seal(ring: KeyRing, context: SealedContext, secret: bytes) -> str:
    return base64.b64encode(seal_bytes(ring, context, secret)).decode()


def open_sealed(ring: KeyRing, context: SealedContext, sealed: str) -> bytes:
    """The secret. Raises UnreadableSecretError, whose text names the reason and never the secret."""
    return open_bytes(ring, context, _decoded(sealed))


def seal_bytes(ring: KeyRing, context: SealedContext, secret: bytes) -> bytes:
    kid = ring.sealing_kid.encode()
    nonce = os.urandom(_NONCE_BYTES)
    ciphertext = ring.ciphers[ring.sealing_kid].encrypt(nonce, secret, context.associated_data())
    return b"".join((bytes((_VERSION, len(kid))), kid, nonce, ciphertext))


def open_bytes(ring: KeyRing, context: SealedContext, sealed: bytes) -> bytes:
    """As `open_sealed`."""
    kid, nonce, ciphertext = _parts(sealed)
    cipher = ring.ciphers.get(kid)
    if cipher is None:
        raise UnreadableSecretError(f"it was sealed under key {kid!r}, which is not in TALLYGATE_KEYS")
    try:
        return cipher.decrypt(nonce, ciphertext, context.associated_data())
    except InvalidTag:
        raise UnreadableSecretError("it was altered, or sealed for another place") from None


def sealing_key_id(sealed: str) -> str:
    return _parts(_decoded(sealed))[0]


def _decoded(sealed: str) -> bytes:
    try:
        return base64.b64decode(sealed, validate=True)
    except ValueError:  # not base64, not ASCII
        raise UnreadableSecretError(_NOT_SEALED) from None


def _parts(raw: bytes) -> tuple[str, bytes, bytes]:
    try:
        if raw[0] != _VERSION:
            raise UnreadableSecretError(f"its format {raw[0]} is not known to this version")
        start = 2 + raw[1]
        kid = raw[2:start].decode()
    except (ValueError, IndexError):  # cut short
        raise UnreadableSecretError(_NOT_SEALED) from None
    if len(raw) < start + _NONCE_BYTES + _TAG_BYTES:
        raise UnreadableSecretError(_NOT_SEALED)
    return kid, raw[start : start + _NONCE_BYTES], raw[start + _NONCE_BYTES :]
