from datetime import UTC, datetime
from typing import Any

import pytest

from services.gateway.models.listing import anthropic_list, listed, openai_entry, usable, usable_model
from shared.access import Caller
from shared.crypto import KeyRing, seal
from shared.crypto.keys import new_key
from shared.errors import TallygateError
from shared.registry import Capabilities, Model, Price, TenantModels, Terms
from shared.registry.secrets import api_key_context
from tests.unit.shared.registry.test_models import model
from tests.unit.shared.selection.values import health, tenant

RING = KeyRing.parse(new_key())
CALLER = Caller("acme", "k", frozenset({"inference"}))


def entry(listed_model: Model, caller: Caller = CALLER, **terms: Any) -> dict[str, Any]:
    found: dict[str, Any] = listed(tenant(listed_model, **terms), caller, {}, RING)[0]
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
    ("unusable", "caller", "terms", "error_type", "reason"),
    [
        (model(is_active=False), CALLER, {}, "no_model_available", "tallygate models activate custom:m"),
        (model(id="openai:m", key_required=True), CALLER, {}, "no_model_available", "providers set-key openai"),
        (model(id="openai:m"), CALLER, {"provider_deny": ["openai:*"]}, "provider_not_allowed", "plan"),
        (model(), Caller("acme", "k", frozenset(), ("openai:*",)), {}, "permission_denied", "the API key"),
        (sealed(KeyRing.parse(new_key("gone"))), CALLER, {}, "key_unreadable", "cannot be opened"),
    ],
)
def test_what_cannot_be_used_says_why(
    unusable: Model, caller: Caller, terms: dict[str, Any], error_type: str, reason: str
) -> None:
    shown = entry(unusable, caller, **terms)
    assert (shown["usable"], shown["error_type"]) == (False, error_type)
    assert reason in shown["reason"]
    assert list(usable(tenant(unusable, **terms), caller, RING)) == []


def test_one_model_is_found_in_whatever_form_it_is_named() -> None:
    models = tenant(model(id="custom:m"), model(id="openai:meta/llama"))
    for reference in ("custom:m", "m"):
        assert usable_model(models, reference, CALLER, RING).id == "custom:m"
    assert usable_model(models, "openai/meta/llama", CALLER, RING).id == "openai:meta/llama"


@pytest.mark.parametrize(
    ("other", "terms", "tip"),
    [
        (model(id="custom:other"), {}, "You can use: custom:other"),
        (model(is_draft=True), {}, "tallygate models add"),
        (model(is_active=False), {}, "tallygate models activate custom:m"),
        (sealed(KeyRing.parse(new_key("gone"))), {}, "tallygate models list"),
    ],
)
def test_a_model_that_this_key_cannot_call_is_not_found(other: Model, terms: dict[str, Any], tip: str) -> None:
    with pytest.raises(TallygateError) as caught:
        usable_model(tenant(other, **terms), "m", CALLER, RING)
    refusal = caught.value.failure
    assert (refusal.error_type, refusal.http_status) == ("model_not_found", 404)
    assert tip in refusal.tips[0]


@pytest.mark.parametrize("reference", ["auto", ""])
def test_auto_is_no_model(reference: str) -> None:
    with pytest.raises(TallygateError):
        usable_model(tenant(model()), reference, CALLER, RING)


def test_openai_clients_are_told_what_is_known_of_a_model() -> None:
    known = model(tenant_id="acme", context_window=8192, price=Price(input_per_mtok_usd=1, output_per_mtok_usd=2))
    shown = openai_entry(known, CALLER)
    assert (shown["id"], shown["object"], shown["created"], shown["owned_by"]) == ("custom:m", "model", 0, "acme")
    assert shown["context_window"] == 8192
    assert shown["price"]["output_per_mtok_usd"] == 2
    assert shown["capabilities"]["tools"] is None


def test_anthropics_clients_are_told_in_their_form() -> None:
    first, last = model(id="custom:a", context_window=8192), model(id="x:b/c")
    listed = anthropic_list([first, last])
    assert (listed["has_more"], listed["first_id"], listed["last_id"]) == (False, "custom:a", "x:b/c")
    assert anthropic_list([]) == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    from anthropic.types import ModelInfo  # it takes seconds, in every process that only collects the tests

    found = ModelInfo.model_validate(listed["data"][0])
    assert (found.type, found.id, found.display_name, found.max_input_tokens) == ("model", "custom:a", "a", 8192)
    assert found.created_at == datetime.fromtimestamp(0, UTC)


@pytest.mark.parametrize(
    ("fields", "operations"),
    [
        ({}, ["chat"]),
        ({"config": {"model": "nomic-embed-text"}}, ["embeddings"]),
        ({"capabilities": Capabilities(tasks=("chat", "embeddings"))}, ["chat", "embeddings"]),
        ({"wire_format": "anthropic", "capabilities": Capabilities(tasks=("chat", "embeddings"))}, ["chat"]),
    ],
)
def test_what_a_model_is_used_for_is_listed(fields: dict[str, Any], operations: list[str]) -> None:
    assert openai_entry(model(**fields), CALLER)["operations"] == operations


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
