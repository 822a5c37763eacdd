import pytest

from services.gateway.models.probe_limit import ProbeLimit
from shared.errors import TallygateError


def test_all_probes_at_once_are_bounded() -> None:
    made = ProbeLimit(most=1)
    with made.place("another"), pytest.raises(TallygateError) as caught, made.place("acme"):
        pass
    failure = caught.value.failure
    assert (failure.error_type, failure.http_status, failure.retry_after_s) == ("unavailable", 503, 1.0)
    with made.place("acme"):
        pass


def test_one_tenants_probes_leave_places_for_others() -> None:
    made = ProbeLimit(most=4, tenant_share=0.5)
    with made.place("acme"), made.place("acme"):
        with pytest.raises(TallygateError) as caught, made.place("acme"):
            pass
        assert (caught.value.failure.error_type, caught.value.failure.http_status) == ("too_many_requests", 429)
        with made.place("another"):
            pass
