"""Bodies about keys, terms, plans and changes."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from services.gateway.bodies import Query, StrictBody
from shared.access import SCOPES, Scope
from shared.events.bounds import FEW_STARS, Integral, Reference
from shared.events.envelope import TenantId
from shared.policies import Policy
from shared.priorities import Priority
from shared.registry.definition import (
    NAME_PATTERN,
    Secret,
    Text,
)
from shared.registry.terms import Places, RatePerS, RetentionS

ModelPattern = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9*][A-Za-z0-9._:/*-]*$", max_length=256),
    StringConstraints(pattern=FEW_STARS),
]
TenantFilter = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$", max_length=64)]  # whoever it is, or is not
PlanId = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=64)]

_MOST = 10**15


class KeyCreate(StrictBody):
    tenant: TenantId
    scopes: list[Scope] = Field(default=[scope for scope in SCOPES if scope != "admin"], min_length=1, max_length=20)
    name: Text = ""
    allowed_models: list[ModelPattern] | None = Field(default=None, max_length=100)
    max_priority: Priority | None = None


class KeysQuery(Query):
    """GET /api/keys?tenant=..."""

    tenant: TenantFilter | None = None


class ProviderKey(StrictBody):
    """PUT /api/providers/{name}/key: the tenant's own key of a provider."""

    api_key: Secret


class Shadow(StrictBody):
    """PUT /api/shadow. model: that gets copies of requests. share: of them, above 0 and up to 1.
    usd_per_day: what copies may cost on a UTC day, by no limit unless given."""

    model: Annotated[Reference, Field(json_schema_extra={"not": {"pattern": r"^\s*(auto)?\s*$"}})]
    share: float = Field(gt=0, le=1)
    usd_per_day: float | None = Field(default=None, ge=0, le=_MOST)


class PlanTerms(StrictBody):
    """PUT /api/plans/{id}. What is left out is as the deployment has it (shared.registry.Terms)."""

    policy: Policy | None = None
    provider_allow: list[ModelPattern] | None = Field(default=None, max_length=100)
    provider_deny: list[ModelPattern] | None = Field(default=None, max_length=100)
    usd_per_day: float | None = Field(default=None, ge=0, le=_MOST)
    usd_per_month: float | None = Field(default=None, ge=0, le=_MOST)
    tokens_per_day: Annotated[int, Field(ge=0, le=_MOST), Integral] | None = None
    tokens_per_month: Annotated[int, Field(ge=0, le=_MOST), Integral] | None = None
    rate_per_s: RatePerS | None = None
    burst: Places | None = None
    max_in_flight: Places | None = None
    result_retention_s: RetentionS | None = None


class PlanPath(Query):
    """/api/plans/{plan_id}"""

    plan_id: PlanId


class ChangesQuery(Query):
    """GET /api/changes?tenant=...&limit=...&before=...; `*` is all tenants, `before` the `next` of the last answer."""

    tenant: TenantFilter | None = None
    limit: int = Field(default=100, ge=1, le=1000)
    before: UUID | None = None


class TenantTerms(PlanTerms):
    """PATCH /api/tenants/{id}: only what is sent is changed; null takes a term back to the plan's."""

    plan: PlanId | None = None
