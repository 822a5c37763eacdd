from types import SimpleNamespace
from typing import cast

import pytest

from services.gateway.inference.doorkeeper import Doorkeeper
from services.gateway.inference.limits import LoadLimits
from services.gateway.models.probe_limit import ProbeLimit
from shared.errors import TallygateError
from shared.registry import Registry, TenantModels


def probe_limit(limits: LoadLimits, most: int = 32) -> ProbeLimit:
    registry = SimpleNamespace(of=lambda _: TenantModels())
    return ProbeLimit(Doorkeeper(limits, lambda: None), cast(Registry, registry), most)


def test_a_probe_is_within_the_limits_of_the_tenant() -> None:
    made = probe_limit(LoadLimits(tenant_max_in_flight=1))
    with made.let_in("acme"):
        with pytest.raises(TallygateError, match="too_many_requests"), made.let_in("acme"):
            pass
        with made.let_in("another"):
            pass
    with made.let_in("acme"):
        pass


def test_all_probes_at_once_are_bounded_and_cost_nobody_a_token() -> None:
    made = probe_limit(LoadLimits(tenant_rate_per_s=0.001, tenant_burst=1), most=1)
    with made.let_in("another"), pytest.raises(TallygateError) as caught, made.let_in("acme"):
        pass
    failure = caught.value.failure
    assert (failure.error_type, failure.http_status, failure.retry_after_s) == ("unavailable", 503, 1.0)
    with made.let_in("acme"):
        pass
