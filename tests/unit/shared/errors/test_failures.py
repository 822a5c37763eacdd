import pytest
from pydantic import ValidationError

from shared.errors import ConfigurationError, Failure, TallygateError, failure


def test_a_failure_is_worded_and_treated_as_the_catalogue_says() -> None:
    error = failure("rate_limited", "why", model="m", retry_after_s=3.0, upstream_status=429)
    assert (error.title, error.http_status) == ("The endpoint is limiting the rate of requests", 429)
    assert (error.retryable, error.fallback) == (True, True)
    assert (error.retry_after_s, error.upstream_status) == (3.0, 429)


def test_status_and_tips_can_be_the_routes_own() -> None:
    error = failure("model_not_found", "why", http_status=404, tips=("Look here.",))
    assert (error.http_status, error.tips) == (404, ("Look here.",))


def test_the_detail_is_redacted() -> None:
    assert failure("internal", "with opensesame", secrets=("opensesame",)).detail == "with [redacted]"


def test_a_failure_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        failure("internal", "why").detail = "other"  # type: ignore[misc]


def test_an_error_carries_its_failure_and_reads_as_one_sentence() -> None:
    error = TallygateError("expired", "too late")
    assert error.failure == failure("expired", "too late")
    assert str(error) == "expired: too late"


def test_an_error_of_a_known_failure_carries_exactly_that() -> None:
    known = Failure(error_type="expired", title="t", detail="d", http_status=418)
    assert TallygateError.of(known).failure is known


def test_a_configuration_error_says_only_what_it_was_given() -> None:
    error = ConfigurationError("SETTING is not set").failure
    assert (error.detail, error.tips) == ("SETTING is not set", ())
