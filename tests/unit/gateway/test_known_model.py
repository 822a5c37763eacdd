import pytest

from services.gateway.admission import known_model
from shared.errors import TallygateError
from shared.registry import TenantModels
from tests.unit.shared.registry.test_models import model

CUSTOM, INACTIVE, PROVIDER = model(id="custom:m"), model(id="custom:off", is_active=False), model(id="openai:m")
MODELS = TenantModels(1, {"custom:m": CUSTOM, "custom:off": INACTIVE}, {"openai:m": PROVIDER})


@pytest.mark.parametrize("reference", ["custom:m", "m", "custom/m"])
def test_a_custom_model_is_found_however_it_is_written(reference: str) -> None:
    assert known_model(MODELS, reference) is CUSTOM


def test_a_provider_model_is_found() -> None:
    assert known_model(MODELS, "openai/m") is PROVIDER


def test_an_inactive_model_is_known() -> None:
    assert known_model(MODELS, "off") is INACTIVE


@pytest.mark.parametrize(
    "models", [MODELS, TenantModels(1, {"custom:m": CUSTOM}), TenantModels(1, {}, {"openai:m": PROVIDER})]
)
@pytest.mark.parametrize("reference", [None, "", "auto"])
def test_auto_names_none_of_them(models: TenantModels, reference: str | None) -> None:
    assert known_model(models, reference) is None


@pytest.mark.parametrize("models", [TenantModels(), TenantModels(1, {"custom:off": INACTIVE})])
def test_auto_needs_a_model_that_can_be_called(models: TenantModels) -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(models, None)
    assert caught.value.failure.error_type == "no_model_available"


def test_an_unknown_model_is_named_and_the_known_ones_are_told() -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(MODELS, "mistyped")
    told = caught.value.failure
    assert (told.error_type, told.http_status) == ("model_not_found", 404)
    assert told.detail == "there is no model 'custom:mistyped' here"
    assert told.tips[0] == "You can use: custom:m, custom:off, openai:m"


def test_without_any_model_the_tip_is_to_register_one() -> None:
    with pytest.raises(TallygateError) as caught:
        known_model(TenantModels(), "m")
    assert caught.value.failure.tips[0] == "Register a model first: tallygate models add"


def test_no_more_than_ten_models_are_told() -> None:
    many = TenantModels(1, {f"custom:m{n}": model(id=f"custom:m{n}") for n in range(12)})
    with pytest.raises(TallygateError) as caught:
        known_model(many, "x")
    assert caught.value.failure.tips[0].count("custom:") == 10
