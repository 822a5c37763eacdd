"""Whether an ID token is the provider's word on who has just signed in here; a plain function on values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

# Signed with a key that only the provider has: neither `none`, nor HS256 with the secret that the console knows too.
_ALGORITHMS = frozenset(
    ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "Ed448")
)
_SHOWN_CHARS = 200
_BY_DEFAULT = ("RS256",)  # what the standard says of a provider that names none


class NotAcceptedError(Exception):
    """Its text says what is wrong with the token; of what stands in it, at most the name of a key."""


@dataclass(frozen=True, slots=True)
class Expected:
    """algorithms: that the provider says it signs with. skew_s: so far its clock and ours may be apart."""

    issuer: str
    client_id: str
    nonce: str
    access_token: str | None
    algorithms: Iterable[str] | None
    skew_s: int


def verified(text: str, key_set: Mapping[str, Any], expected: Expected, now: float) -> dict[str, Any]:
    """The claims. key_set: the provider's public keys (JWKS). Raises NotAcceptedError."""
    allowed = sorted(_ALGORITHMS.intersection(expected.algorithms or _BY_DEFAULT))
    if not allowed:  # the library would take an empty list for its own
        raise NotAcceptedError("the provider signs with none of " + ", ".join(sorted(_ALGORITHMS)))
    try:
        keys = KeySet.import_key_set({"keys": list(key_set["keys"])})
        token = jwt.decode(text, keys, registry=JWSRegistry(algorithms=allowed, strict_check_header=False))
        claims = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": expected.issuer},
                "aud": {"essential": True, "value": expected.client_id},
            },
            {"nonce": expected.nonce, "client_id": expected.client_id, "access_token": expected.access_token},
        )
        claims.validate(now=int(now), leeway=expected.skew_s)
    except JoseError as error:
        raise NotAcceptedError((error.description or error.error)[:_SHOWN_CHARS]) from None
    except (KeyError, TypeError, ValueError) as error:
        raise NotAcceptedError(type(error).__name__) from None
    return dict(claims)
