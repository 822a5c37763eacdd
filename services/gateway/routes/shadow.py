"""A model on trial: it gets copies of a share of the tenant's requests, and nobody waits for its answers."""

from typing import Any

from fastapi import APIRouter, Request, Response

from services.gateway.answers.tenants import ShadowTerms
from services.gateway.bodies import InvalidBodyError
from services.gateway.edge import json_response
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.inference.admission import known_model
from services.gateway.routes.documented import documented
from services.gateway.tenants.changes import changed_by
from services.gateway.tenants.schemas import Shadow
from shared.access import Caller
from shared.client.requests import SHADOW
from shared.events import RoutingOptions, utc_now
from shared.selection.budgets import shadow_usd

router = APIRouter(tags=["models"])

_TRIED = RoutingOptions(no_fallback=True)


@router.get(SHADOW)
@documented(gives=ShadowTerms)
async def show_shadow(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models", "monitor")
    return json_response(_shown(gateway, caller))


@router.put(SHADOW)
@documented(takes=Shadow, gives=ShadowTerms, fails=(404,))
async def put_shadow(request: Request) -> Response:
    """From now on the model gets copies of that share of your chats. It replaces the one before."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    body = await gateway.body(request, caller, Shadow)
    models = await gateway.registry.refresh(caller.tenant_id)
    model = known_model(models, body.model, caller.allowed_models, _TRIED)
    if model is None:
        raise InvalidBodyError("model must name a model; auto would be whichever answers anyway", "model")
    await _change(gateway, caller, shadow_model=model.id, shadow_share=body.share, shadow_usd_per_day=body.usd_per_day)
    return json_response(_shown(gateway, caller))


@router.delete(SHADOW)
@documented()
async def remove_shadow(request: Request) -> Response:
    """No more copies are made. What is known of those that were stays."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    await _change(gateway, caller, shadow_model=None, shadow_share=None, shadow_usd_per_day=None)
    return Response(status_code=204)


async def _change(gateway: Gateway, caller: Caller, **terms: Any) -> None:
    change = changed_by(caller, "shadow.changed", caller.tenant_id, terms=terms)
    await gateway.tenants.change_terms(caller.tenant_id, terms, lambda _: change)
    await gateway.registry.refresh(caller.tenant_id)


def _shown(gateway: Gateway, caller: Caller) -> dict[str, Any]:
    terms = gateway.registry.of(caller.tenant_id).terms
    budget, spent = terms.shadow_usd_per_day, gateway.conditions.spent(caller.tenant_id)
    return {
        "model": terms.shadow_model,
        "share": terms.shadow_share or 0.0,
        "usd_per_day": budget,
        "usd_today": None if budget is None else shadow_usd(spent, utc_now()),
    }
