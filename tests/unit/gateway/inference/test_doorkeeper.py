import pytest

from services.gateway.inference import doorkeeper
from services.gateway.inference.doorkeeper import Doorkeeper
from services.gateway.inference.limits import LoadLimits
from shared.registry import Terms


def test_who_leaves_makes_room() -> None:
    door = Doorkeeper(LoadLimits(max_in_flight=2, tenant_max_in_flight=1), lambda: None)

    assert door.enter("a", Terms()) is None
    assert (refusal := door.enter("a", Terms())) is not None
    assert refusal.error_type == "too_many_requests"
    assert door.enter("b", Terms()) is None
    assert (refusal := door.enter("c", Terms())) is not None
    assert refusal.error_type == "unavailable"
    door.leave("a")
    assert door.enter("a", Terms()) is None


def test_tenants_have_a_bucket_each() -> None:
    door = Doorkeeper(LoadLimits(tenant_rate_per_s=0.001, tenant_burst=1), lambda: None)

    assert door.enter("a", Terms()) is None
    assert door.enter("a", Terms()) is not None
    assert door.enter("b", Terms()) is None


def test_an_old_queue_is_told() -> None:
    ages = [5.0, 1.5, 0.0]
    door = Doorkeeper(LoadLimits(max_queue_age_s=1), lambda: ages[0])

    assert "5 s" in (door.shedding or "")
    assert door.enter("a", Terms()) is not None
    ages.pop(0)
    assert door.shedding is None
    assert door.enter("a", Terms()) is None
    assert (refusal := door.enter("a", Terms())) is not None
    assert refusal.error_type == "unavailable"
    assert door.enter("b", Terms()) is None
    ages.pop(0)
    assert door.enter("a", Terms()) is None


def test_a_tenants_own_terms_come_before_the_deployments_limits() -> None:
    door = Doorkeeper(LoadLimits(tenant_max_in_flight=1), lambda: None)
    assert door.enter("a", Terms(max_in_flight=2)) is None
    assert door.enter("a", Terms(max_in_flight=2)) is None
    assert door.enter("a", Terms(max_in_flight=2)) is not None


def test_a_bucket_is_forgotten_only_when_it_is_full_by_the_tenants_own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorkeeper, "_BUCKETS", 1)
    door = Doorkeeper(LoadLimits(tenant_rate_per_s=0.001, tenant_burst=1), lambda: None)
    own = Terms(burst=3)

    entered = [door.enter("a", own) is None for _ in range(2)]
    assert door.enter("b", Terms()) is None
    entered += [door.enter("a", own) is None for _ in range(2)]

    assert entered == [True, True, True, False]
