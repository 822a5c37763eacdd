"""Keys, tenants and plans, for operators."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.forms import read_form
from services.console.views.keys import SCOPES, KeyFilter, key_body, keys, plan_body, shown_terms, tenant_body
from services.console.visit import View, Visit
from shared.client import Problem, ProblemError, in_path
from shared.client.requests import KEYS
from shared.errors import TallygateError
from shared.policies import POLICIES
from shared.priorities import PRIORITIES

Fields = Mapping[str, str]

_PLANS, _TENANTS = "/api/plans", "/api/tenants"


async def show(visit: Visit) -> View:
    return await _keys(visit, {})


async def create(visit: Visit) -> View:
    """Its page is the only one that ever shows the key."""
    fields = await read_form(visit.request)
    try:
        made = await visit.gateway.ask("POST", KEYS, key_body(fields))
    except (ProblemError, TallygateError) as error:
        return await _keys(visit, fields, _problem(error))
    return View("key_made.html", "A new key", {"made": made})


async def revoke(visit: Visit) -> View | Response:
    key_id = _named(visit.request, "key_id")
    try:
        await visit.gateway.ask("DELETE", f"{KEYS}/{in_path(key_id)}")
    except ProblemError as error:
        return await _keys(visit, {}, error.problem)
    return RedirectResponse("/keys", 303)


async def show_tenants(visit: Visit) -> View:
    body = await visit.gateway.get(_TENANTS)
    return View("tenants.html", "Tenants", {"tenants": body["tenants"]})


async def show_tenant(visit: Visit) -> View:
    return await _tenant(visit)


async def change_tenant(visit: Visit) -> View | Response:
    tenant, fields = _named(visit.request, "tenant"), await read_form(visit.request)
    try:
        await visit.gateway.ask("PATCH", f"{_TENANTS}/{in_path(tenant)}", tenant_body(fields))
    except (ProblemError, TallygateError) as error:
        return await _tenant(visit, _problem(error))
    return RedirectResponse(f"/keys/tenants/{in_path(tenant)}", 303)


async def show_plans(visit: Visit) -> View:
    return await _plans(visit, visit.query)


async def put_plan(visit: Visit) -> View | Response:
    fields = await read_form(visit.request)
    try:
        await visit.gateway.ask("PUT", f"{_PLANS}/{in_path(fields.get('plan', '').strip())}", plan_body(fields))
    except (ProblemError, TallygateError) as error:
        return await _plans(visit, fields, _problem(error))
    return RedirectResponse("/keys/plans", 303)


async def remove_plan(visit: Visit) -> View | Response:
    try:
        await visit.gateway.ask("DELETE", f"{_PLANS}/{in_path(_named(visit.request, 'plan'))}")
    except ProblemError as error:
        return await _plans(visit, {}, error.problem)
    return RedirectResponse("/keys/plans", 303)


async def _keys(visit: Visit, fields: Fields, problem: Problem | None = None) -> View:
    query = visit.query if visit.request.method == "GET" else {}
    body = await visit.gateway.get(KEYS, {"tenant": query.get("tenant")})
    wanted = KeyFilter(query.get("q", ""), revoked="revoked" in query)
    values = {
        "keys": keys(body["keys"], wanted),
        "query": query,
        "fields": fields,
        "problem": problem,
        "scopes": SCOPES,
        "priorities": PRIORITIES,
    }
    return View("keys.html", "Keys", values, _status(problem))


async def _tenant(visit: Visit, problem: Problem | None = None) -> View:
    name = _named(visit.request, "tenant")
    tenant, plans = await asyncio.gather(visit.gateway.get(f"{_TENANTS}/{in_path(name)}"), visit.gateway.get(_PLANS))
    values = {"tenant": tenant, "plans": plans["plans"], "policies": POLICIES, "problem": problem}
    return View("tenant.html", f"Tenant {name}", values, _status(problem))


async def _plans(visit: Visit, fields: Fields, problem: Problem | None = None) -> View:
    """fields: of the form; of a GET, `plan` names the one that is to be changed."""
    plans = (await visit.gateway.get(_PLANS))["plans"]
    chosen: dict[str, Any] = next((plan for plan in plans if plan["plan"] == fields.get("plan")), {})
    terms = fields if problem else chosen.get("terms", {})
    plans = [plan | {"shown": shown_terms(plan["terms"])} for plan in plans]
    values = {"plans": plans, "chosen": chosen, "terms": terms, "name": fields.get("plan", "")}
    values |= {"policies": POLICIES, "problem": problem}
    return View("plans.html", "Plans", values, _status(problem))


def _problem(error: ProblemError | TallygateError) -> Problem:
    if isinstance(error, ProblemError):
        return error.problem
    failed = error.failure
    return Problem(failed.error_type, failed.detail, tuple(failed.tips), failed.http_status)


def _status(problem: Problem | None) -> int:
    return 200 if problem is None else problem.status or 503


def _named(request: Request, name: str) -> str:
    value: str = request.path_params[name]
    return value
