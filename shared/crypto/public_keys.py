"""Sealing for somebody else's public key: HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
AES-256-GCM. Only the holder of the private key opens it, with any implementation of the standard."""

import base64

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

PUBLIC_KEY_BYTES = 32

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class UnusableKeyError(Exception):
    """The text is no public key that can be sealed for, and says why."""


def public_key_of(text: str) -> bytes:
    """The 32 bytes of an X25519 public key in base64. Raises UnusableKeyError."""
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        raise UnusableKeyError("it is not base64") from None
    if len(key) != PUBLIC_KEY_BYTES:
        raise UnusableKeyError(f"it has {len(key)} bytes, and an X25519 public key has {PUBLIC_KEY_BYTES}")
    try:
        seal_for(key, b"", b"")
    except ValueError:
        raise UnusableKeyError("nothing can be sealed for it: it is a point of low order") from None
    return key


def seal_for(public_key: bytes, info: bytes, secret: bytes) -> bytes:
    """The encapsulated key (32 bytes) and the ciphertext. info: what it is bound to; who opens it must say the same."""
    return _SUITE.encrypt(secret, X25519PublicKey.from_public_bytes(public_key), info)


def reply_info(tenant_id: str, inference_id: str) -> bytes:
    """What a reply to an upstream service is bound to."""
    return f"tallygate/reply/{tenant_id}/{inference_id}".encode()
