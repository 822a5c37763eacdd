"""Keys, tenants, plans, and who changed what."""

from typing import Any

from typing_extensions import TypedDict

from services.gateway.answers.shapes import Count, Id, Instant
from shared.access import Scope
from shared.priorities import Priority
from shared.registry import Terms


class KeyMade(TypedDict):
    """key: the whole key, which is never shown again."""

    key: str
    key_id: str
    tenant: str
    scopes: list[Scope]
    name: str
    allowed_models: list[str] | None
    max_priority: Priority | None
    created_at: Instant


class ShownCaller(TypedDict):
    """Of the key that asks. allowed_models: patterns; null for all that its tenant may use. max_priority: the most
    urgent one that its requests may have; null for any."""

    tenant: str
    key_id: str
    scopes: list[str]
    allowed_models: list[str] | None
    max_priority: Priority | None


class ShownKey(TypedDict):
    key_id: str
    tenant: str
    scopes: list[str]
    name: str
    allowed_models: list[str] | None
    max_priority: Priority | None
    created_at: Instant
    revoked_at: Instant | None


class Keys(TypedDict):
    keys: list[ShownKey]
    total: Count


class ShadowTerms(TypedDict):
    """model: that gets copies of this share of the tenant's chats; null for none. usd_per_day: what copies may cost on
    a UTC day; usd_today: what they have cost since there is such a budget; null without one."""

    model: str | None
    share: float
    usd_per_day: float | None
    usd_today: float | None


class ShownTenant(TypedDict):
    """terms: the plan's, with its own before them. keys, models: how many it has."""

    tenant: str
    plan: str | None
    own_terms: dict[str, Any]
    terms: Terms
    spent: dict[str, Any] | None
    keys: Count
    models: Count
    created_at: Instant


class Tenants(TypedDict):
    tenants: list[ShownTenant]
    total: Count


class ShownPlan(TypedDict):
    plan: str
    terms: dict[str, Any]
    updated_at: Instant


class Plans(TypedDict):
    plans: list[ShownPlan]
    total: Count


class PlanSet(TypedDict):
    plan: str
    terms: dict[str, Any]


class ShownChange(TypedDict):
    """person: who acted with the key, as its holder said, which the console says of who signed in by a provider."""

    id: Id
    at: Instant
    tenant: str | None
    key_id: str
    person: str | None
    action: str
    subject: str
    details: dict[str, Any]


class Changes(TypedDict):
    """next: what to send as `before` for the older ones."""

    changes: list[ShownChange]
    total: Count
    next: Id | None
