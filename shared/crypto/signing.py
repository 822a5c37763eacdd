"""The keys that sign: `TALLYGATE_SIGNING_KEYS=kid:base64,kid:public:base64`. The first one signs, all of them verify.

An entry is a private key (Ed25519, 32 bytes), or `kid:public:` and a public one: that of a key that has been replaced,
or of a deployment that is not ours.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.errors import ConfigurationError
from shared.settings import Settings

_NAME = "TALLYGATE_SIGNING_KEYS"
_PUBLIC = "public"
_KEY_BYTES = 32
_MAKE_ONE = "Make one with: tallygate secrets new-signing-key"


class SigningSettings(Settings):
    """`TALLYGATE_SIGNING_KEYS`: without it the monitor keeps the books, and seals no day."""

    model_config = SettingsConfigDict(env_prefix="TALLYGATE_")

    signing_keys: SecretStr = Field(
        default=SecretStr(""),
        description="the keys that sign the seals of the books' days, `kid:base64,kid:public:base64`. The first one "
        "signs, all of them verify. Make one with `tallygate secrets new-signing-key`. Empty: no day is sealed",
    )

    def keys(self) -> "SigningKeys | None":
        """None when there is none. Raises ConfigurationError."""
        text = self.signing_keys.get_secret_value()
        return SigningKeys.parse(text) if text.strip() else None


@dataclass(frozen=True)
class SigningKeys:
    """Public keys by id. private: of `signing_kid`; None: these only verify."""

    signing_kid: str
    private: Ed25519PrivateKey | None
    public: Mapping[str, Ed25519PublicKey]

    @classmethod
    def parse(cls, text: str, name: str = _NAME) -> "SigningKeys":
        """name: where the text is from, for the error. Raises ConfigurationError, which tells no key."""
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        if not entries:
            raise ConfigurationError(f"{name} holds no key. {_MAKE_ONE}")
        private: dict[str, Ed25519PrivateKey] = {}
        public: dict[str, Ed25519PublicKey] = {}
        for place, entry in enumerate(entries, 1):
            kid, is_public, encoded = _parts(name, place, entry)
            if kid in public:
                raise ConfigurationError(f"{name}: entry {place} has the id of another one")
            if is_public:
                public[kid] = Ed25519PublicKey.from_public_bytes(_decoded(name, place, encoded))
            else:
                private[kid] = Ed25519PrivateKey.from_private_bytes(_decoded(name, place, encoded))
                public[kid] = private[kid].public_key()
        signing_kid = next(iter(public))
        return cls(signing_kid, private.get(signing_kid), public)

    def require_private(self) -> Ed25519PrivateKey:
        """The key that signs. Raises ConfigurationError when the first one is public."""
        if self.private is None:
            raise ConfigurationError(f"{_NAME}: the first key, {self.signing_kid}, is public and cannot sign")
        return self.private

    def sign(self, text: bytes) -> bytes:
        """Raises ConfigurationError."""
        return self.require_private().sign(text)

    def verifies(self, kid: str, signature: bytes, text: bytes) -> bool:
        """False also when the key is not known."""
        key = self.public.get(kid)
        if key is None:
            return False
        try:
            key.verify(signature, text)
        except InvalidSignature:
            return False
        return True

    def any_verifies(self, signature: bytes, text: bytes) -> bool:
        """For what does not tell the id of its key."""
        return any(self.verifies(kid, signature, text) for kid in self.public)

    def public_text(self) -> str:
        """All keys as those who verify need them."""
        return ",".join(
            f"{kid}:{_PUBLIC}:{base64.b64encode(key.public_bytes_raw()).decode()}" for kid, key in self.public.items()
        )


def new_signing_key(kid: str = "s1") -> str:
    """One entry for TALLYGATE_SIGNING_KEYS."""
    return f"{kid}:{base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()}"


def _parts(name: str, place: int, entry: str) -> tuple[str, bool, str]:
    """Id, whether it is public, and the key."""
    kid, colon, rest = entry.partition(":")
    if not kid or not colon or len(kid) > 255:
        raise ConfigurationError(f"{name}: entry {place} needs an id, as in kid:base64 or kid:public:base64")
    is_public = rest.startswith(f"{_PUBLIC}:")
    return kid, is_public, rest.removeprefix(f"{_PUBLIC}:") if is_public else rest


def _decoded(name: str, place: int, encoded: str) -> bytes:
    """The id is not told: who forgets it has the key in its place."""
    try:
        key = base64.b64decode(encoded, validate=True)
    except ValueError:  # not base64, or not even ASCII
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigurationError(f"{name}: the key of entry {place} is not {_KEY_BYTES} bytes of base64. {_MAKE_ONE}")
    return key
