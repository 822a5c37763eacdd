from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.inference.limits import Bucket, Granted, Load, LoadLimits, Rejected, decide, refilled, shedding
from services.gateway.settings import GatewaySettings

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


AGE = LoadLimits(max_queue_age_s=30)


@pytest.mark.parametrize("age_s", [None, 0.0, 30.0])
def test_a_queue_that_is_young_or_not_known_sheds_nobody(age_s: float | None) -> None:
    assert shedding(AGE, age_s) is None
    assert isinstance(decide(AGE, Load(9, 9, None, age_s), 0.0), Granted)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=8), st.floats(30.1, 60.0))
def test_under_an_old_queue_who_holds_most_is_refused_and_no_other(held: list[int], age_s: float) -> None:
    """However much tenants hold: who has an even part or more is refused, and a newcomer is let in."""
    total = sum(held)
    for own in held:
        load = Load(total, own, None, age_s, tenants=len(held))
        assert isinstance(decide(AGE, load, 0.0), Rejected) is (own >= total / len(held))
    assert isinstance(decide(AGE, Load(total, 0, None, age_s, tenants=len(held) + 1), 0.0), Granted)
    assert shedding(AGE, age_s) is None, "a gateway that lets others in is ready"


@given(st.integers(0, 50), st.integers(0, 50), st.floats(60.1, 1e6))
def test_behind_a_queue_that_is_stuck_nobody_is_let_in(own: int, others: int, age_s: float) -> None:
    refusal = rejected(AGE, Load(own + others, own, None, age_s, tenants=2)).failure
    assert (refusal.error_type, refusal.http_status) == ("unavailable", 503)
    assert shedding(AGE, age_s) is not None


class Places:
    """Who holds how many places of a gateway, by what is decided."""

    def __init__(self, places: int, share: float) -> None:
        self.limits = LoadLimits(max_in_flight=places, tenant_share=share)
        self.held: Counter[int] = Counter()

    @property
    def free(self) -> int:
        return self.limits.max_in_flight - self.held.total()

    def enter(self, tenant: int) -> bool:
        load = Load(self.held.total(), self.held[tenant], None, 0.0)
        entered = isinstance(decide(self.limits, load, 0.0), Granted)
        self.held[tenant] += entered
        return entered


@given(
    st.integers(2, 500),
    st.floats(0.05, 0.95),
    st.lists(st.tuples(st.integers(0, 5), st.integers(1, 60), st.booleans()), max_size=30),
)
def test_no_tenant_holds_more_than_its_share_and_who_holds_nothing_is_let_in(
    places: int, share: float, moves: list[tuple[int, int, bool]]
) -> None:
    """Whatever six tenants do, each sending or ending some requests at a time."""
    made = Places(places, share)
    for tenant, many, sends in moves:
        for _ in range(many):
            if sends:
                free = made.free
                entered = made.enter(tenant)
                assert entered or made.held[tenant] > 0 or free == 0
            elif made.held[tenant]:
                made.held[tenant] -= 1
        assert made.held[tenant] <= int(places * share) + 1


@given(st.integers(100, 1000), st.integers(1, 5))
def test_floods_share_evenly_and_leave_as_much_again(places: int, floods: int) -> None:
    """By turn: as one of each ends at a time and all send again, the one that holds most is refused."""
    made = Places(places, 0.5)
    for flood in range(floods):
        while made.enter(flood):
            pass
    assert made.free >= places / 2**floods - floods, "though nothing has ended yet"
    for _ in range(places):
        for flood in range(floods):
            made.held[flood] = max(0, made.held[flood] - 1)
        for flood in range(floods):
            for _ in range(2):
                made.enter(flood)
    part = places / (floods + 1)
    assert all(abs(made.held[flood] - part) <= floods + 1 for flood in range(floods))
    assert made.free >= part - floods * 2
    assert made.enter(floods)


def test_who_is_over_its_share_is_told_which_setting_it_is() -> None:
    limits = LoadLimits(max_in_flight=10, tenant_share=0.5)
    refusal = rejected(limits, Load(5, 5, None, 0.0)).failure
    assert (refusal.error_type, refusal.http_status, refusal.retry_after_s) == ("too_many_requests", 429, 1.0)
    assert any("TALLYGATE_TENANT_SHARE" in tip for tip in refusal.tips)


def test_the_deployments_own_defaults_leave_no_tenant_without_a_limit() -> None:
    limits = GatewaySettings().load_limits
    flood = Load(limits.max_in_flight // 2, limits.max_in_flight // 2, None, 0.0)
    assert rejected(limits, flood).failure.error_type == "too_many_requests"
    assert limits.tenant_rate_per_s > 0


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
