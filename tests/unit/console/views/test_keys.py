"""Keys as they are listed, and forms about keys, plans and tenants."""

from typing import Any

from services.console.views.changes import details_of
from services.console.views.keys import KeyFilter, key_body, keys, plan_body, tenant_body

FOUND: list[dict[str, Any]] = [
    {"key_id": "k1", "name": "CI", "tenant": "acme", "created_at": "2026-01-01", "revoked_at": None},
    {"key_id": "k2", "name": "", "tenant": "other", "created_at": "2026-01-03", "revoked_at": "2026-01-04"},
    {"key_id": "k3", "name": "", "tenant": "acme", "created_at": "2026-01-02", "revoked_at": None},
]


def ids(part: str = "", *, revoked: bool = False) -> list[str]:
    return [key["key_id"] for key in keys(FOUND, KeyFilter(part, revoked)).shown]


def test_the_newest_comes_first_and_what_is_revoked_only_when_it_is_asked_for() -> None:
    assert ids() == ["k3", "k1"]
    assert ids(revoked=True) == ["k2", "k3", "k1"]
    assert (ids("ci"), ids("OTHER", revoked=True)) == (["k1"], ["k2"])


def test_a_key_may_what_is_ticked_and_no_more() -> None:
    """With nothing ticked nothing is left to a default: the gateway refuses it."""
    assert key_body({"tenant": "acme", "scope_inference": "1"}) == {"tenant": "acme", "scopes": ["inference"]}
    assert key_body({"tenant": "acme", "max_priority": ""}) == {"tenant": "acme", "scopes": []}
    assert key_body({"tenant": "acme", "max_priority": "bulk"})["max_priority"] == "bulk"


def test_an_empty_term_is_left_out_of_a_plan_and_goes_back_to_it_for_a_tenant() -> None:
    fields = {"plan": "gold", "usd_per_day": "0", "burst": "", "provider_allow": "openai:* anthropic:*"}

    assert plan_body(fields) == {"usd_per_day": 0.0, "provider_allow": ["openai:*", "anthropic:*"]}
    body = tenant_body(fields)
    assert (body["plan"], body["usd_per_day"], body["burst"]) == ("gold", 0.0, None)


def test_what_was_changed_is_told_without_what_is_empty() -> None:
    details = {"fields": ["price", "weight"], "old_server": None, "terms": {"usd_per_day": 5, "burst": None}}

    assert details_of(details) == [("fields", "price, weight"), ("terms", "usd_per_day 5")]
