from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.retry import MAX_CALLS_SETTING, Decision, RetryPolicy, after_failure, at_limit, within_limit
from shared.errors import CATALOGUE, ErrorType, Failure, failure

POLICY = RetryPolicy(max_tries=3, base_s=0.2, max_s=5.0)
TYPES: tuple[ErrorType, ...] = get_args(ErrorType)

FAILURES = st.builds(
    lambda error_type, wait_s: failure(error_type, "why", retry_after_s=wait_s),
    st.sampled_from(TYPES),
    st.none() | st.floats(0, 1000),
)
POLICIES = st.builds(RetryPolicy, st.integers(1, 10), st.floats(0, 10), st.floats(0, 60))
JITTER = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize("error_type", TYPES)
def test_the_first_failure_is_treated_as_the_catalogue_says(error_type: ErrorType) -> None:
    kind = CATALOGUE[error_type]
    action = "retry" if kind.retryable else "fall_back" if kind.fallback else "give_up"
    assert after_failure(failure(error_type, "why"), 1, 60.0, POLICY).action == action


@pytest.mark.parametrize("error_type", TYPES)
def test_after_the_last_try_another_model_is_asked_where_that_may_help(error_type: ErrorType) -> None:
    decision = Decision("fall_back" if CATALOGUE[error_type].fallback else "give_up")
    assert after_failure(failure(error_type, "why"), 3, 60.0, POLICY) == decision


@pytest.mark.parametrize(("tries", "longest_s"), [(1, 0.2), (2, 0.4), (3, 0.8), (4, 1.6), (5, 3.2), (6, 5.0), (9, 5.0)])
def test_waits_double_up_to_the_longest(tries: int, longest_s: float) -> None:
    policy = RetryPolicy(max_tries=10, base_s=0.2, max_s=5.0)
    assert after_failure(failure("server_error", "why"), tries, 60.0, policy, jitter=1.0).delay_s == longest_s


def test_jitter_is_full() -> None:
    last_failure = failure("server_error", "why")
    assert after_failure(last_failure, 2, 60.0, POLICY, jitter=0.0).delay_s == 0.0
    assert after_failure(last_failure, 2, 60.0, POLICY, jitter=0.5).delay_s == 0.2


def test_without_a_given_jitter_waits_differ() -> None:
    last_failure = failure("server_error", "why")
    waits = {after_failure(last_failure, 2, 60.0, POLICY).delay_s for _ in range(50)}
    assert len(waits) > 1
    assert all(0 <= one <= 0.4 for one in waits)


@pytest.mark.parametrize(("retry_after_s", "delay_s"), [(0.0, 0.1), (0.05, 0.1), (3.0, 3.0), (5.0, 5.0)])
def test_what_the_endpoint_asks_for_is_waited_at_least(retry_after_s: float, delay_s: float) -> None:
    last_failure = failure("rate_limited", "why", retry_after_s=retry_after_s)
    assert after_failure(last_failure, 1, 60.0, POLICY, jitter=0.5) == Decision("retry", delay_s)


def test_an_endpoint_that_asks_for_too_much_patience_is_passed_over() -> None:
    last_failure = failure("rate_limited", "why", retry_after_s=5.1)
    assert after_failure(last_failure, 1, 60.0, POLICY) == Decision("fall_back")


def test_who_would_have_to_wait_past_the_deadline_does_not_wait() -> None:
    last_failure = failure("rate_limited", "why", retry_after_s=3.0)
    assert after_failure(last_failure, 1, 2.9, POLICY) == Decision("fall_back")
    assert after_failure(last_failure, 1, 3.0, POLICY) == Decision("fall_back")
    assert after_failure(last_failure, 1, 3.1, POLICY).action == "retry"


def test_what_no_other_model_can_help_with_is_given_up() -> None:
    assert after_failure(failure("unavailable", "why"), 1, 0.0, POLICY) == Decision("give_up")


@given(FAILURES, st.integers(1, 12), st.floats(-10, 1000), POLICIES, JITTER)
def test_no_retry_after_the_last_try_or_past_the_deadline(
    last_failure: Failure, tries: int, remaining_s: float, policy: RetryPolicy, jitter: float
) -> None:
    decision = after_failure(last_failure, tries, remaining_s, policy, jitter)
    if decision.action == "retry":
        assert tries < policy.max_tries
        assert 0 <= decision.delay_s < remaining_s


@given(st.sampled_from(TYPES), st.floats(0, 1000), st.integers(1, 12), POLICIES, JITTER)
def test_a_retry_waits_as_long_as_asked_and_never_longer_than_the_longest_wait(
    error_type: ErrorType, asked_s: float, tries: int, policy: RetryPolicy, jitter: float
) -> None:
    decision = after_failure(failure(error_type, "why", retry_after_s=asked_s), tries, 1e6, policy, jitter)
    if decision.action == "retry":
        assert asked_s <= decision.delay_s <= policy.max_s


@given(FAILURES, st.integers(1, 12), st.floats(-10, 1000), POLICIES, JITTER)
def test_another_model_is_asked_only_where_that_may_help(
    last_failure: Failure, tries: int, remaining_s: float, policy: RetryPolicy, jitter: float
) -> None:
    decision = after_failure(last_failure, tries, remaining_s, policy, jitter)
    if decision.action != "retry":
        assert decision == Decision("fall_back" if last_failure.fallback else "give_up")


@given(FAILURES, st.integers(1, 12), st.integers(0, 20), st.booleans(), POLICIES)
def test_no_call_past_the_limit_of_an_inference(
    told: Failure, tries: int, calls_made: int, others_wait: bool, policy: RetryPolicy
) -> None:
    wanted = after_failure(told, tries, 60.0, policy)
    decision = within_limit(wanted, calls_made, others_wait, policy)
    if calls_made < policy.max_calls or (wanted.action == "fall_back" and not others_wait):
        assert decision == wanted
    else:
        assert decision.action == "give_up"
        assert decision.limit_reached == (wanted.action != "give_up")


def test_the_failure_at_the_limit_is_the_last_one_and_names_the_setting() -> None:
    last = failure("server_error", "h:80 answered 500", upstream_status=500)
    told = at_limit(last, POLICY)
    assert (told.error_type, told.upstream_status) == ("server_error", 500)
    assert told.detail.startswith(last.detail)
    assert MAX_CALLS_SETTING in told.detail
    assert any(MAX_CALLS_SETTING in tip for tip in told.tips)
