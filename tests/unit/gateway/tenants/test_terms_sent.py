from typing import Any

import pytest

from services.gateway.bodies import InvalidBodyError, validated
from services.gateway.tenants.schemas import PlanTerms, TenantTerms
from shared.registry import Terms

LEAST: dict[str, Any] = {"rate_per_s": 0.001, "burst": 1, "max_in_flight": 1}


@pytest.mark.parametrize("kind", [PlanTerms, TenantTerms])
@pytest.mark.parametrize(
    ("limit", "value"), [("rate_per_s", 0), ("rate_per_s", 1e-320), ("burst", 0), ("max_in_flight", 0)]
)
def test_a_limit_of_nothing_is_refused_and_what_was_meant_is_told(
    kind: type[PlanTerms], limit: str, value: float
) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        validated(kind, {limit: value})
    assert caught.value.param == limit
    assert f"must be at least {LEAST[limit]}" in caught.value.failure.detail
    assert "set usd_per_day to 0" in caught.value.failure.detail
    assert "unset it" in caught.value.failure.detail


def test_the_least_limits_and_none_are_taken() -> None:
    assert validated(PlanTerms, LEAST).model_dump(exclude_unset=True) == LEAST
    nothing = dict.fromkeys(LEAST) | {"plan": None}
    assert validated(TenantTerms, nothing).model_dump(exclude_unset=True) == nothing


def test_all_terms_can_be_sent_but_what_a_tenant_says_itself() -> None:
    by_operators = set(Terms.model_fields) - {"shadow_model", "shadow_share", "shadow_usd_per_day"}
    assert set(PlanTerms.model_fields) == by_operators
    assert set(TenantTerms.model_fields) == by_operators | {"plan"}
