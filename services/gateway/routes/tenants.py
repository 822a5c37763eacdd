"""Tenants and plans: what a tenant may do, what it has spent, and who changed what."""

from datetime import UTC, datetime
from typing import Any

import asyncpg
from fastapi import APIRouter, Request, Response

from services.gateway.answers.tenants import Changes, Plans, PlanSet, ShownTenant, Tenants
from services.gateway.bodies import validated
from services.gateway.edge import json_response
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.routes.documented import documented
from services.gateway.tenants.changes import Change, changed_by
from services.gateway.tenants.schemas import ChangesQuery, PlanPath, PlanTerms, TenantTerms
from shared.access import Caller
from shared.db.failures import UnknownReferenceError
from shared.errors import TallygateError
from shared.registry import Terms

router = APIRouter(tags=["tenants"])


@router.get("/api/tenants")
@documented(gives=Tenants)
async def list_tenants(request: Request) -> Response:
    """All tenants, for admins; for others their own."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "monitor")
    rows = await gateway.tenants.tenants() if caller.is_admin else [await _row(gateway, caller, caller.tenant_id)]
    return json_response({"tenants": [_shown(gateway, row) for row in rows], "total": len(rows)})


@router.get("/api/tenants/{tenant_id}")
@documented(gives=ShownTenant, fails=(404,))
async def show_tenant(request: Request, tenant_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "monitor")
    return json_response(_shown(gateway, await _row(gateway, caller, tenant_id)))


@router.patch("/api/tenants/{tenant_id}")
@documented(takes=TenantTerms, gives=ShownTenant, fails=(404,))
async def change_tenant(request: Request, tenant_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "admin")
    body = await gateway.body(request, caller, TenantTerms)
    await _row(gateway, caller, tenant_id)
    sent = body.model_dump(exclude_unset=True)

    def change(row: asyncpg.Record) -> Change:
        return changed_by(caller, "tenant.changed", tenant_id, tenant_id, plan=row["plan_id"], terms=row["terms"])

    try:
        await gateway.tenants.change_terms(tenant_id, sent, change)
    except UnknownReferenceError:
        raise _no_plan(str(body.plan), 400) from None
    await gateway.registry.refresh(tenant_id)
    return json_response(_shown(gateway, await _row(gateway, caller, tenant_id)))


@router.get("/api/plans")
@documented(gives=Plans)
async def list_plans(request: Request) -> Response:
    gateway = gateway_of(request)
    await gateway.caller(request, "admin")
    plans = [
        {"plan": row["plan_id"], "terms": row["terms"], "updated_at": row["updated_at"].isoformat()}
        for row in await gateway.tenants.plans()
    ]
    return json_response({"plans": plans, "total": len(plans)})


@router.put("/api/plans/{plan_id}")
@documented(takes=PlanTerms, gives=PlanSet)
async def put_plan(request: Request, plan_id: str) -> Response:
    """Replaces the plan's terms, for all tenants that have it."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "admin")
    validated(PlanPath, {"plan_id": plan_id})
    terms = (await gateway.body(request, caller, PlanTerms)).model_dump(exclude_none=True)
    change = changed_by(caller, "plan.changed", plan_id, terms=terms)
    await gateway.tenants.put_plan(plan_id, terms, change, datetime.now(UTC))
    return json_response({"plan": plan_id, "terms": terms})


@router.delete("/api/plans/{plan_id}")
@documented(fails=(404, 409))
async def remove_plan(request: Request, plan_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "admin")
    try:
        removed = await gateway.tenants.remove_plan(plan_id, changed_by(caller, "plan.removed", plan_id))
    except UnknownReferenceError:
        raise TallygateError(
            "invalid_request",
            f"tenants still have the plan {plan_id!r}",
            http_status=409,
            tips=("Give them another first: tallygate tenants set <tenant> --plan <plan>",),
        ) from None
    if not removed:
        raise _no_plan(plan_id, 404)
    return Response(status_code=204)


@router.get("/api/changes")
@documented(query=ChangesQuery, gives=Changes)
async def list_changes(request: Request) -> Response:
    """Who changed what and when, newest first: of the caller's tenant; admins may ask for another, or for all.

    next: what to send as `before` for the older ones; null when there are none.
    """
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "monitor")
    query = validated(ChangesQuery, dict(request.query_params))
    rows = await gateway.tenants.changes(_tenant_asked(caller, query.tenant), query.before, query.limit + 1)
    shown, older = rows[: query.limit], rows[query.limit :]
    changes = [
        {
            "id": str(row["change_id"]),
            "at": row["changed_at"].isoformat(),
            "tenant": row["tenant_id"],
            "key_id": row["key_id"],
            "person": row["person"],
            "action": row["action"],
            "subject": row["subject"],
            "details": row["details"],
        }
        for row in shown
    ]
    return json_response({"changes": changes, "total": len(changes), "next": changes[-1]["id"] if older else None})


def _tenant_asked(caller: Caller, asked: str | None) -> str | None:
    if not caller.is_admin:
        return caller.tenant_id
    return None if asked == "*" else asked or caller.tenant_id


async def _row(gateway: Gateway, caller: Caller, tenant_id: str) -> asyncpg.Record:
    """Another tenant is reported as unknown, unless the caller is an admin."""
    row = await gateway.tenants.tenant(tenant_id) if caller.is_admin or caller.tenant_id == tenant_id else None
    if row is None:
        raise TallygateError(
            "invalid_request",
            f"there is no tenant {tenant_id!r}",
            http_status=404,
            tips=("See: tallygate tenants list", f"A key makes it: tallygate keys create --tenant {tenant_id}"),
        )
    return row


def _shown(gateway: Gateway, row: asyncpg.Record) -> dict[str, Any]:
    spent = gateway.conditions.spent(row["tenant_id"])
    return {
        "tenant": row["tenant_id"],
        "plan": row["plan_id"],
        "own_terms": row["own_terms"],
        "terms": Terms(**row["terms"]).model_dump(),
        "spent": spent.model_dump(mode="json", exclude={"event_id", "tenant_id"}) if spent else None,
        "keys": row["keys"],
        "models": row["models"],
        "created_at": row["created_at"].isoformat(),
    }


def _no_plan(plan_id: str, status: int) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"there is no plan {plan_id!r}",
        http_status=status,
        tips=("See: tallygate plans list", f"Make it: tallygate plans set {plan_id} --usd-per-day 10"),
    )
