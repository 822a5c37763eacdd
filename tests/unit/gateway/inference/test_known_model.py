import pytest

from services.gateway.inference.admission import known_model
from shared.errors import TallygateError
from shared.events import RoutingOptions
from shared.registry import Model, TenantModels
from tests.unit.shared.selection.values import model, tenant

CUSTOM, INACTIVE, PROVIDER = model(id="custom:m"), model(id="custom:off", is_active=False), model(id="openai:m")
KEYLESS = model(id="x:m", provider_name="x", key_required=True)
DRAFT = model(id="custom:draft", is_active=False, is_draft=True)
MODELS = TenantModels(1, {"custom:m": CUSTOM, "custom:off": INACTIVE}, {"openai:m": PROVIDER})


@pytest.mark.parametrize("reference", ["custom:m", "m", "custom/m"])
def test_a_custom_model_is_found_however_it_is_written(reference: str) -> None:
    assert known_model(MODELS, reference) is CUSTOM


def test_a_provider_model_is_found() -> None:
    assert known_model(MODELS, "openai/m") is PROVIDER


@pytest.mark.parametrize("named", [INACTIVE, KEYLESS])
def test_a_provider_model_may_stand_in_for_one_that_is_not_ready(named: Model) -> None:
    assert known_model(tenant(named, PROVIDER), named.id) is named


@pytest.mark.parametrize(
    ("named", "others", "options", "detail", "tip"),
    [
        (INACTIVE, [], RoutingOptions(), "custom:off: not active", "models activate custom:off"),
        (INACTIVE, [CUSTOM, KEYLESS], RoutingOptions(), "custom:off: not active", "models activate custom:off"),
        (KEYLESS, [], RoutingOptions(), "x:m: no key of x is stored", "providers set-key x "),
        (KEYLESS, [PROVIDER], RoutingOptions(no_fallback=True), "x:m: no key of x is stored", "providers set-key x "),
    ],
)
def test_where_nothing_stands_in_it_is_told_what_would_make_it_ready(
    named: Model, others: list[Model], options: RoutingOptions, detail: str, tip: str
) -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(tenant(named, *others), named.id, None, options)
    refusal = caught.value.failure
    assert (refusal.error_type, refusal.http_status, refusal.detail) == ("no_model_available", 404, detail)
    assert len(refusal.tips) == 1
    assert tip in refusal.tips[0]


def test_a_test_may_name_an_inactive_model_and_a_draft() -> None:
    options = RoutingOptions(no_fallback=True, allow_inactive=True)
    assert known_model(tenant(INACTIVE), "off", None, options) is INACTIVE
    assert known_model(tenant(DRAFT), "draft", None, options) is DRAFT


@pytest.mark.parametrize("allowed", [None, ("other:*",)])
def test_a_draft_is_answered_like_what_is_not_there(allowed: tuple[str, ...] | None) -> None:
    refusals = []
    for models in (tenant(DRAFT, CUSTOM), tenant(CUSTOM)):
        with pytest.raises(TallygateError) as caught:
            known_model(models, "draft", allowed)
        refusals.append(caught.value.failure)
    assert refusals[0] == refusals[1]
    assert (refusals[0].error_type, refusals[0].http_status) == ("model_not_found", 404)


def test_a_key_that_may_not_is_told_what_it_may() -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(MODELS, "m", ("openai:*",))
    refusal = caught.value.failure
    assert (refusal.error_type, refusal.http_status) == ("permission_denied", 403)
    assert refusal.tips[0] == "This key may use: openai:*"


def test_what_the_plan_does_not_allow_is_refused_though_another_could_stand_in() -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(tenant(PROVIDER, model(id="house:m"), provider_deny=["openai:*"]), "openai:m")
    assert caught.value.failure.error_type == "provider_not_allowed"


@pytest.mark.parametrize(
    "models", [MODELS, TenantModels(1, {"custom:m": CUSTOM}), TenantModels(1, {}, {"openai:m": PROVIDER})]
)
@pytest.mark.parametrize("reference", [None, "", "auto"])
def test_auto_names_none_of_them(models: TenantModels, reference: str | None) -> None:
    assert known_model(models, reference) is None


@pytest.mark.parametrize(
    ("models", "error_type", "tip"),
    [
        (TenantModels(), "no_model_available", "tallygate models add"),
        (tenant(INACTIVE), "no_model_available", "tallygate models activate custom:off"),
        (tenant(KEYLESS), "no_model_available", "tallygate providers set-key x "),
        (tenant(INACTIVE, KEYLESS), "no_model_available", "tallygate models add"),
        (tenant(PROVIDER, provider_deny=["*"]), "provider_not_allowed", "ask your operator to allow the provider"),
    ],
)
def test_auto_needs_a_model_that_can_be_called(models: TenantModels, error_type: str, tip: str) -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(models, None)
    assert caught.value.failure.error_type == error_type
    assert tip in caught.value.failure.tips[0]


def test_an_unknown_model_is_named_and_the_known_ones_are_told() -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(MODELS, "mistyped")
    refusal = caught.value.failure
    assert (refusal.error_type, refusal.http_status) == ("model_not_found", 404)
    assert refusal.detail == "there is no model 'custom:mistyped' here"
    assert refusal.tips[0] == "You can use: custom:m, openai:m"  # the other one is not active


def test_an_agent_that_names_a_model_of_its_vendor_is_told_what_to_set() -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(MODELS, "claude-sonnet-4-5")
    assert "ANTHROPIC_MODEL" in caught.value.failure.tips[1]


def test_without_any_model_the_tip_is_to_register_one() -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(TenantModels(), "m")
    assert caught.value.failure.tips[0] == "Register a model first: tallygate models add"


@pytest.mark.parametrize("models", [tenant(INACTIVE, KEYLESS), tenant(PROVIDER, provider_deny=["*"])])
def test_models_that_cannot_be_used_are_not_told_as_those_that_can(models: TenantModels) -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(models, "m")
    assert caught.value.failure.tips[0] == "You can use none at the moment; for each, why: tallygate models list"


def test_no_more_than_ten_models_are_told() -> None:
    many = TenantModels(1, {f"custom:m{n}": model(id=f"custom:m{n}") for n in range(12)})
    with pytest.raises(TallygateError) as caught:
        known_model(many, "x")
    assert caught.value.failure.tips[0].count("custom:") == 10
