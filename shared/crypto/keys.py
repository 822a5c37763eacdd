"""The key ring: `TALLYGATE_KEYS=kid:base64,kid:base64`. The first key seals, all of them open."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.errors import ConfigurationError
from shared.settings import Settings

KEY_BYTES = 32


class KeySettings(Settings):
    """`TALLYGATE_KEYS`: the sealing keys. No service that seals or opens starts without it."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    keys: SecretStr = Field(
        default=SecretStr(""),
        description="the key ring, `kid:base64,kid:base64`, each key 32 bytes. The first one seals, all of them open. "
        "Make one with `tallygate secrets new-key`",
    )

    def key_ring(self) -> "KeyRing":
        return KeyRing.parse(self.keys.get_secret_value())


@dataclass(frozen=True)
class KeyRing:
    """Keys by id; `sealing_kid` is the one that seals."""

    sealing_kid: str
    ciphers: Mapping[str, AESGCM]

    @classmethod
    def of_one(cls, kid: str, key: bytes) -> "KeyRing":
        """With a key that is itself stored sealed; `KEY_BYTES` long."""
        return cls(kid, {kid: AESGCM(key)})

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        if not entries:
            raise ConfigurationError(
                "TALLYGATE_KEYS is not set, and there is no default key. Make one with: tallygate secrets new-key"
            )
        ciphers: dict[str, AESGCM] = {}
        for place, entry in enumerate(entries, 1):
            kid, colon, encoded = entry.partition(":")
            if not kid or not colon or len(kid.encode()) > 255 or kid in ciphers:
                raise ConfigurationError(
                    f"TALLYGATE_KEYS: entry {place} needs an id of its own, as in kid:base64,kid:base64"
                )
            ciphers[kid] = AESGCM(_decoded(place, encoded))
        return cls(next(iter(ciphers)), ciphers)


def new_key(kid: str = "k1") -> str:
    """One entry for TALLYGATE_KEYS."""
    return f"{kid}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def _decoded(place: int, encoded: str) -> bytes:
    """The id is not told either: who forgets it, or writes the parts in another order, has the key in its place."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:  # not base64, or not even ASCII
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"TALLYGATE_KEYS: the key of entry {place} is not {KEY_BYTES} bytes of base64. "
            "Make one: tallygate secrets new-key"
        )
    return key
