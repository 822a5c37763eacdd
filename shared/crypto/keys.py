"""The key ring: `TALLYGATE_KEYS=kid:base64,kid:base64`. The first key seals, all of them open."""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.errors import ConfigurationError

KEY_BYTES = 32


class KeySettings(BaseSettings):
    """`TALLYGATE_KEYS`: the sealing keys. No service that seals or opens starts without it."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    keys: SecretStr = SecretStr("")

    def key_ring(self) -> "KeyRing":
        return KeyRing.parse(self.keys.get_secret_value())


@dataclass(frozen=True)
class KeyRing:
    """Keys by id; `sealing_kid` is the one that seals."""

    sealing_kid: str
    ciphers: Mapping[str, AESGCM]

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        if not entries:
            raise ConfigurationError(
                "TALLYGATE_KEYS is not set, and there is no default key. Make one with: tallygate secrets new-key"
            )
        ciphers: dict[str, AESGCM] = {}
        for entry in entries:
            kid, _, encoded = entry.partition(":")
            if not kid or len(kid.encode()) > 255 or kid in ciphers:
                raise ConfigurationError(
                    "TALLYGATE_KEYS: every key needs an id of its own, as in kid:base64,kid:base64"
                )
            ciphers[kid] = AESGCM(_decoded(kid, encoded))
        return cls(next(iter(ciphers)), ciphers)


def new_key(kid: str = "k1") -> str:
    """One entry for TALLYGATE_KEYS."""
    return f"{kid}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


def _decoded(kid: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:  # not base64, or not even ASCII
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(
            f"TALLYGATE_KEYS: key {kid!r} is not {KEY_BYTES} bytes of base64. Make one: tallygate secrets new-key"
        )
    return key
