"""Which ID tokens are believed, which roles claims give, and what the settings must say."""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from services.console.oidc.id_token import Expected, NotAcceptedError, verified
from services.console.oidc.roles import claim_of, in_words, roles_of, values_of
from services.console.session import Sessions
from services.console.settings import OidcSettings
from shared.crypto.keys import KeyRing, new_key
from shared.errors import ConfigurationError
from tests.support.fake_gateway import CALLER

NOW = 1_800_000_000.0
ISSUER, CLIENT = "https://id.test/realms/acme", "console"
EXPECTED = Expected(ISSUER, CLIENT, "nonce-1", None, ["RS256", "ES256", "HS256", "none"], 60)
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
PUBLISHED: dict[str, Any] = {
    "keys": [RSA.as_dict(private=False), EC.as_dict(private=False), {"kty": "of tomorrow", "kid": "new"}]
}
_HEADER = {"alg": "RS256", "kid": "rsa"}
CLAIMS = {"iss": ISSUER, "aud": CLIENT, "sub": "7", "iat": NOW, "exp": NOW + 300, "nonce": "nonce-1"}


def token(header: Mapping[str, str] = _HEADER, key: Any = RSA, **claims: Any) -> str:
    """claims: instead of the right ones; None takes one out."""
    all_claims = {name: value for name, value in (CLAIMS | claims).items() if value is not None}
    return jwt.encode(dict(header), all_claims, key, algorithms=[header["alg"]])


def by_hand(alg: str, secret: bytes) -> str:
    """As somebody makes one who has not the provider's private key."""
    parts = [json.dumps(part).encode() for part in ({"alg": alg, "kid": "rsa"}, CLAIMS)]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.digest(secret, signed, "sha256") if alg == "HS256" else b""
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


@pytest.mark.parametrize(
    "text",
    [
        token(),
        token({"alg": "ES256", "kid": "ec"}, EC),
        token(aud=[CLIENT, "other"], azp=CLIENT),
        token(exp=NOW - 59, iat=NOW + 59),
    ],
    ids=["RS256", "ES256", "several audiences", "clocks that are a minute apart"],
)
def test_the_word_of_the_provider_is_believed(text: str) -> None:
    assert verified(text, PUBLISHED, EXPECTED, NOW)["sub"] == "7"


NOT_BELIEVED = {
    "of another issuer": (token(iss="https://evil.test"), "'iss'"),
    "of no issuer": (token(iss=None), "'iss'"),
    "for another client": (token(aud="other"), "'aud'"),
    "for several, made for another": (token(aud=[CLIENT, "other"], azp="other"), "'azp'"),
    "for several, made for nobody": (token(aud=[CLIENT, "other"]), "'azp'"),
    "of nobody": (token(sub=None), "'sub'"),
    "of another sign-in": (token(nonce="nonce-2"), "'nonce'"),
    "of no sign-in": (token(nonce=None), "'nonce'"),
    "beside another access token": (token(at_hash="x"), "'at_hash'"),
    "over": (token(exp=NOW - 60), "expired"),
    "without an end": (token(exp=None), "'exp'"),
    "of the future": (token(iat=NOW + 61), "future"),
    "signed by another": (token(key=RSAKey.generate_key(2048)), "bad_signature"),
    "signed with a withdrawn key": (token({"alg": "RS256", "kid": "old"}), "No key for kid: 'old'"),
    "signed with the public key": (by_hand("HS256", RSA.as_pem(private=False)), "not allowed"),
    "signed with the client's secret": (by_hand("HS256", b"secret"), "not allowed"),
    "not signed": (by_hand("none", b""), "not allowed"),
    "no token": ("no.token.here", "Invalid"),
    "nothing": ("", "Invalid"),
}


@pytest.mark.parametrize("case", NOT_BELIEVED)
def test_anything_else_is_not(case: str) -> None:
    text, said = NOT_BELIEVED[case]
    with pytest.raises(NotAcceptedError, match=said):
        verified(text, PUBLISHED, replace(EXPECTED, access_token="of the answer"), NOW)


def test_a_provider_must_sign_with_a_key_of_its_own() -> None:
    """Otherwise the library would allow what it recommends, the client's secret among them."""
    with pytest.raises(NotAcceptedError, match="signs with none of"):
        verified(by_hand("HS256", b"secret"), PUBLISHED, replace(EXPECTED, algorithms=["HS256", "none"]), NOW)
    with pytest.raises(NotAcceptedError):
        verified(token(), {"keys": None}, EXPECTED, NOW)


@pytest.mark.parametrize(
    ("claims", "name", "values"),
    [
        ({"groups": ["ops", 7, "staff"]}, "groups", ("ops", "staff")),
        ({"groups": "ops"}, "groups", ("ops",)),
        ({"groups": {"ops": True}}, "groups", ()),
        ({}, "groups", ()),
        ({"realm_access": {"roles": ["ops"]}}, "realm_access.roles", ("ops",)),
        ({"realm_access": ["roles"]}, "realm_access.roles", ()),
        ({"https://acme.test/roles": ["ops"]}, "https://acme.test/roles", ("ops",)),
    ],
)
def test_a_claim_is_found_by_its_name_or_its_path(claims: Any, name: str, values: tuple[str, ...]) -> None:
    assert values_of(claim_of(claims, name)) == values


def test_roles_are_those_of_the_settings_in_their_order() -> None:
    assert roles_of(("staff", "readers", "ops"), {"ops": "", "readers": "", "others": ""}) == ("ops", "readers")
    assert roles_of(("OPS", " ops", "op"), {"ops": ""}) == ()


def test_what_a_claim_holds_is_told_within_bounds() -> None:
    assert in_words(()) == "nothing"
    told = in_words(tuple("x" * 500 for _ in range(1000)))
    assert told.endswith(" and 980 more")
    assert len(told) < 2000


def test_the_cookie_of_a_role_has_no_key_and_ends_with_the_role() -> None:
    ring = KeyRing.parse(new_key())
    sessions = Sessions(ring, 60, {"ops": "tg_of.ops"})
    begun = sessions.begun("tg_of.ops", CALLER, NOW).model_copy(update={"roles": ("ops", "readers")})
    sealed = sessions.sealed(begun)
    assert sessions.opened(sealed, NOW) == begun
    other_key = Sessions(ring, 60, {"ops": "tg_another"}).opened(sealed, NOW)
    assert other_key is not None
    assert other_key.key == "tg_another"
    assert Sessions(ring, 60, {"readers": "tg_of.readers"}).opened(sealed, NOW) is None


def settings(monkeypatch: pytest.MonkeyPatch, key_file: Path, **changed: str) -> OidcSettings:
    environment = {
        "TALLYGATE_CONSOLE_URL": "https://console.test",
        "TALLYGATE_CONSOLE_OIDC_ISSUER": ISSUER,
        "TALLYGATE_CONSOLE_OIDC_CLIENT_ID": CLIENT,
        "TALLYGATE_CONSOLE_OIDC_CLIENT_SECRET": "secret-of-the-client",
        "TALLYGATE_CONSOLE_OIDC_ROLES": json.dumps({"ops": str(key_file)}),
    } | changed
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return OidcSettings()


def test_the_keys_of_roles_are_read_from_their_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ops").write_text("tg_of.ops\n")
    assert settings(monkeypatch, tmp_path / "ops").role_keys() == {"ops": "tg_of.ops"}


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("TALLYGATE_CONSOLE_URL", "", "TALLYGATE_CONSOLE_URL"),
        ("TALLYGATE_CONSOLE_OIDC_CLIENT_ID", "", "TALLYGATE_CONSOLE_OIDC_CLIENT_ID"),
        ("TALLYGATE_CONSOLE_OIDC_ROLES", "{}", "TALLYGATE_CONSOLE_OIDC_ROLES"),
        ("TALLYGATE_CONSOLE_OIDC_ISSUER", "http://id.test", "TALLYGATE_CONSOLE_OIDC_ISSUER"),
        ("TALLYGATE_CONSOLE_OIDC_ISSUER", "https://me@id.test", "TALLYGATE_CONSOLE_OIDC_ISSUER"),
        ("TALLYGATE_CONSOLE_OIDC_ISSUER", "http://localhost.id.test", "TALLYGATE_CONSOLE_OIDC_ISSUER"),
        ("TALLYGATE_CONSOLE_OIDC_SCOPES", "profile", "TALLYGATE_CONSOLE_OIDC_SCOPES"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        settings(monkeypatch, tmp_path / "ops", **{variable: value})
    assert "secret-of-the-client" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"", "does not hold"), (b"two words", "does not hold"), (b"\xff", "is no text")],
    ids=["none", "empty", "words", "bytes"],
)
def test_a_file_without_a_key_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / "ops").write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"ROLES: the file .*{said}") as caught:
        settings(monkeypatch, tmp_path / "ops").role_keys()
    assert "words" not in str(caught.value)


def test_without_an_issuer_nothing_else_is_needed() -> None:
    assert OidcSettings().role_keys() == {}
