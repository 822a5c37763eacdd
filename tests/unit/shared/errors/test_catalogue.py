from typing import get_args

import pytest

from shared.errors import CATALOGUE, ErrorType, failure, render
from shared.errors.failures import setup_tips

ALL_TYPES: tuple[ErrorType, ...] = get_args(ErrorType)
# A provider's model has no limit of its own, and the operator is free in where its endpoint is.
ONLY_OF_CUSTOM_MODELS = {"model_at_capacity", "endpoint_forbidden"}
RETRIED_BY_SDKS = {408, 409, 429} | set(range(500, 600))


def test_every_type_is_worded_and_no_other() -> None:
    assert set(CATALOGUE) == set(ALL_TYPES)


@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_every_type_has_a_title_and_says_what_to_do(error_type: ErrorType) -> None:
    kind = CATALOGUE[error_type]
    assert kind.title.strip()
    assert kind.tips
    assert all(tip.strip() for tip in kind.tips)


@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_no_placeholder_is_left_in_a_tip(error_type: ErrorType) -> None:
    for model in (None, "custom:m", "openai:gpt-5", "nameless"):
        error = failure(error_type, "why", model=model, host="h:1" if model else None)
        assert error.tips
        assert not any("{" in tip or "}" in tip for tip in error.tips)


@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_custom_models_are_named_as_the_routes_take_them(error_type: ErrorType) -> None:
    tips = " ".join(failure(error_type, "why", model="custom:m").tips)
    assert "/api/models/custom/custom:" not in tips
    assert "TALLYGATE_PROVIDERS" not in tips
    assert "tallygate providers" not in tips


@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_nobody_is_told_to_change_a_providers_model_like_his_own(error_type: ErrorType) -> None:
    tips = " ".join(failure(error_type, "why", model="openai:gpt-5").tips)
    for own in ("/api/models/custom", "models test", "models show", "endpoint_url", "max_concurrency"):
        assert own not in tips or error_type in ONLY_OF_CUSTOM_MODELS


@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_nobody_is_told_to_change_or_test_a_model_that_is_only_being_set_up(error_type: ErrorType) -> None:
    tips = setup_tips(error_type, "h:1")
    assert tips
    assert not any("{" in tip or "custom:" in tip for tip in tips)
    for stored in ("/api/models/custom", "PATCH", "models test", "models show", "models list"):
        assert stored not in " ".join(tips) or error_type == "no_model_available"


@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_sdks_are_told_whether_to_retry_whatever_the_status(error_type: ErrorType) -> None:
    error = failure(error_type, "why")
    assert render.headers(error)["x-should-retry"] == ("true" if CATALOGUE[error_type].retryable else "false")


@pytest.mark.parametrize("error_type", [one for one in ALL_TYPES if CATALOGUE[one].retryable])
def test_what_can_be_retried_has_a_status_that_every_client_retries(error_type: ErrorType) -> None:
    assert CATALOGUE[error_type].http_status in RETRIED_BY_SDKS


def test_401_and_403_are_kept_for_the_callers_own_key_and_rights() -> None:
    assert {one for one in ALL_TYPES if CATALOGUE[one].http_status in {401, 403}} == {"provider_not_allowed"}


@pytest.mark.parametrize("error_type", ["cancelled", "expired", "invalid_request", "content_filtered", "internal"])
def test_another_model_is_not_asked_for_what_is_nobodys_fault_or_the_requests_own(error_type: ErrorType) -> None:
    assert not CATALOGUE[error_type].fallback


def test_tips_name_the_model_and_the_host() -> None:
    error = failure("endpoint_unreachable", "why", model="custom:m", host="gpu:8000")
    assert error.tips == (
        "Check that the server at gpu:8000 is running and reachable from the router.",
        "Test it: tallygate models test custom:m",
    )


def test_the_key_of_a_custom_model_is_changed_where_it_is_registered() -> None:
    assert failure("authentication_failed", "why", model="custom:m").tips == (
        "Store a valid key: PATCH /api/models/custom/m with a new api_key.",
        "Then test it: tallygate models test custom:m",
    )


def test_the_key_of_a_provider_is_set_once_for_all_its_models() -> None:
    tips = failure("authentication_failed", "why", model="openai:ft:gpt-5").tips
    assert "tallygate providers set-key openai (PUT /api/providers/openai/key)" in tips[0]
