import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.inference.limits import Bucket, Granted, Load, LoadLimits, Rejected, decide, refilled, shedding

IDLE = Load(in_flight=0, tenant_in_flight=0, bucket=None, queue_age_s=0.0)
RATE = LoadLimits(tenant_rate_per_s=2, tenant_burst=3)


def rejected(limits: LoadLimits, load: Load, now_s: float = 0.0) -> Rejected:
    decision = decide(limits, load, now_s)
    assert isinstance(decision, Rejected)
    return decision


def test_without_limits_everybody_comes_in() -> None:
    assert decide(LoadLimits(), Load(10**6, 10**6, None, 10**6), 0.0) == Granted(None)


def test_a_full_gateway_is_unavailable() -> None:
    limits = LoadLimits(max_in_flight=2)

    assert isinstance(decide(limits, IDLE._replace(in_flight=1), 0.0), Granted)
    refusal = rejected(limits, IDLE._replace(in_flight=2)).failure
    assert (refusal.error_type, refusal.http_status) == ("unavailable", 503)
    assert refusal.retry_after_s
    assert refusal.retry_after_s >= 1


def test_a_tenant_at_its_limit_has_too_many() -> None:
    limits = LoadLimits(tenant_max_in_flight=2)

    assert isinstance(decide(limits, IDLE._replace(tenant_in_flight=1, in_flight=9), 0.0), Granted)
    refusal = rejected(limits, IDLE._replace(tenant_in_flight=2)).failure
    assert (refusal.error_type, refusal.http_status) == ("too_many_requests", 429)
    assert refusal.retry_after_s


@pytest.mark.parametrize(("age_s", "sheds"), [(None, False), (0.0, False), (30.0, False), (30.1, True)])
def test_an_old_queue_sheds_and_an_unknown_one_does_not(age_s: float | None, sheds: bool) -> None:
    limits = LoadLimits(max_queue_age_s=30)

    assert (shedding(limits, age_s) is not None) is sheds
    assert isinstance(decide(limits, IDLE._replace(queue_age_s=age_s), 0.0), Rejected) is sheds


def test_a_burst_is_let_in_and_then_the_rate() -> None:
    bucket, granted = None, 0
    for _ in range(5):
        decision = decide(RATE, IDLE._replace(bucket=bucket), 10.0)
        if isinstance(decision, Granted):
            bucket, granted = decision.bucket, granted + 1

    assert granted == 3
    refusal = rejected(RATE, IDLE._replace(bucket=bucket), 10.0).failure
    assert refusal.error_type == "too_many_requests"
    assert refusal.retry_after_s == pytest.approx(0.5)
    assert isinstance(decide(RATE, IDLE._replace(bucket=bucket), 10.5), Granted)


def test_a_rejection_for_everybody_costs_the_tenant_no_token() -> None:
    limits = RATE._replace(max_in_flight=1)

    assert rejected(limits, IDLE._replace(in_flight=1)).failure.error_type == "unavailable"


def test_a_burst_that_is_not_given_is_a_second_of_the_rate() -> None:
    assert LoadLimits(tenant_rate_per_s=5).burst == 5
    assert LoadLimits(tenant_rate_per_s=0.1).burst == 1


@given(st.lists(st.floats(0, 2), max_size=60))
def test_never_more_than_burst_and_rate_allow(pauses: list[float]) -> None:
    bucket: Bucket | None = None
    now_s, granted = 0.0, 0
    for pause in pauses:
        now_s += pause
        decision = decide(RATE, IDLE._replace(bucket=bucket), now_s)
        if isinstance(decision, Granted):
            bucket, granted = decision.bucket, granted + 1

    assert granted <= RATE.burst + RATE.tenant_rate_per_s * now_s + 1e-6


def test_a_bucket_is_never_more_than_full() -> None:
    assert refilled(RATE, Bucket(0.0, 0.0), 10**6).tokens == RATE.burst
