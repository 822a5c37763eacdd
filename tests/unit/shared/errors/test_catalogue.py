from typing import get_args

import pytest

from shared.errors import CATALOGUE, ErrorType, failure, render

ALL_TYPES: tuple[ErrorType, ...] = get_args(ErrorType)
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
    for told in (failure(error_type, "why"), failure(error_type, "why", model="custom:m", host="h:1")):
        assert not any("{" in tip or "}" in tip for tip in told.tips)


@pytest.mark.parametrize("error_type", ALL_TYPES)
def test_sdks_are_told_whether_to_retry_whatever_the_status(error_type: ErrorType) -> None:
    told = failure(error_type, "why")
    assert render.headers(told)["x-should-retry"] == ("true" if CATALOGUE[error_type].retryable else "false")


@pytest.mark.parametrize("error_type", [one for one in ALL_TYPES if CATALOGUE[one].retryable])
def test_what_can_be_retried_has_a_status_that_every_client_retries(error_type: ErrorType) -> None:
    assert CATALOGUE[error_type].http_status in RETRIED_BY_SDKS


def test_401_and_403_are_kept_for_the_callers_own_key_and_rights() -> None:
    assert {one for one in ALL_TYPES if CATALOGUE[one].http_status in {401, 403}} == {"provider_not_allowed"}


@pytest.mark.parametrize("error_type", ["cancelled", "expired", "invalid_request", "content_filtered", "internal"])
def test_another_model_is_not_asked_for_what_is_nobodys_fault_or_the_requests_own(error_type: ErrorType) -> None:
    assert not CATALOGUE[error_type].fallback


def test_tips_name_the_model_and_the_host() -> None:
    told = failure("endpoint_unreachable", "why", model="custom:m", host="gpu:8000")
    assert told.tips == (
        "Check that the server at gpu:8000 is running and reachable from the router.",
        "Test it: tallygate models test custom:m",
    )
