"""Sealing: AES-256-GCM under a key ring, bound to its context. There is no default key."""

from shared.crypto.keys import KeyRing
from shared.crypto.sealed import SealedContext, UnreadableSecretError, open_bytes, open_sealed, seal, seal_bytes

__all__ = ["KeyRing", "SealedContext", "UnreadableSecretError", "open_bytes", "open_sealed", "seal", "seal_bytes"]
