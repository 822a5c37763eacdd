from typing import Any

import pytest

from services.gateway.listing import listed, usable
from shared.access import Caller
from shared.crypto import KeyRing, seal
from shared.crypto.keys import new_key
from shared.registry import Model, TenantModels, Terms
from shared.registry.secrets import api_key_context
from tests.unit.shared.registry.test_models import model
from tests.unit.shared.selection.values import health, tenant

RING = KeyRing.parse(new_key())
CALLER = Caller("acme", "k", frozenset({"inference"}))


def entry(one: Model, caller: Caller = CALLER, **terms: Any) -> dict[str, Any]:
    found: dict[str, Any] = listed(tenant(one, **terms), caller, {}, RING)[0]
    return found


def sealed(ring: KeyRing) -> Model:
    plain = model(tenant_id="acme")
    return plain.model_copy(update={"sealed_api_key": seal(ring, api_key_context(plain), b"opensesame")})


def test_a_custom_model_belongs_to_its_tenant() -> None:
    shown = entry(model(tenant_id="acme", endpoint_url="http://gpu:8000/v1"))
    assert (shown["id"], shown["kind"], shown["owner"], shown["key"]) == ("custom:m", "custom", "acme", "none")
    assert (shown["server_address"], shown["upstream_model"]) == ("gpu:8000", "m")
    assert (shown["usable"], shown["reason"]) == (True, None)


def test_a_provider_model_belongs_to_its_provider() -> None:
    shown = entry(model(id="openai:m", plain_api_key="opensesame"))
    assert (shown["kind"], shown["owner"], shown["key"]) == ("provider", "openai", "deployment")
    assert "opensesame" not in str(shown)


@pytest.mark.parametrize(
    ("one", "caller", "terms", "error_type", "reason"),
    [
        (model(is_active=False), CALLER, {}, "no_model_available", "tallygate models activate custom:m"),
        (model(id="openai:m", key_required=True), CALLER, {}, "authentication_failed", "providers set-key openai"),
        (model(id="openai:m"), CALLER, {"provider_deny": ["openai:*"]}, "provider_not_allowed", "plan"),
        (model(), Caller("acme", "k", frozenset(), ("openai:*",)), {}, "permission_denied", "this API key"),
        (sealed(KeyRing.parse(new_key("gone"))), CALLER, {}, "key_unreadable", "cannot be opened"),
    ],
)
def test_what_cannot_be_used_says_why(
    one: Model, caller: Caller, terms: dict[str, Any], error_type: str, reason: str
) -> None:
    shown = entry(one, caller, **terms)
    assert (shown["usable"], shown["error_type"]) == (False, error_type)
    assert reason in shown["reason"]
    assert list(usable(tenant(one, **terms), caller, RING)) == []


def test_a_model_whose_secret_can_be_opened_is_usable_and_its_key_is_its_own() -> None:
    shown = entry(sealed(RING))
    assert (shown["usable"], shown["key"]) == (True, "own")


def test_an_unhealthy_model_is_usable_and_says_that_others_come_first() -> None:
    shown = listed(tenant(model()), CALLER, health("custom:m", "unhealthy", 1.5), RING)[0]
    assert (shown["usable"], shown["health"]["status"], shown["health"]["p50_s"]) == (True, "unhealthy", 1.5)
    assert "9 of 9 calls failed" in shown["reason"]


def test_what_is_being_set_up_is_not_listed() -> None:
    models = TenantModels(1, {"custom:m": model(is_draft=True)}, {}, Terms())
    assert listed(models, CALLER, {}, RING) == []
