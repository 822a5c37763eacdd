"""GET /api/caller: who a key belongs to, and what it may do."""

from fastapi import APIRouter, Request, Response

from services.gateway.answers.tenants import ShownCaller
from services.gateway.edge import json_response
from services.gateway.gateway import gateway_of
from services.gateway.routes.documented import documented
from shared.access import SCOPES

router = APIRouter(tags=["keys"])


@router.get("/api/caller")
@documented(gives=ShownCaller)
async def show_caller(request: Request) -> Response:
    """The key that this request is sent with: its tenant, its id, its scopes the models that it may use (null for
    all of its tenant) and its most urgent priority (null for any). Any key may ask."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, *SCOPES)
    shown = {
        "tenant": caller.tenant_id,
        "key_id": caller.key_id,
        "scopes": sorted(caller.scopes),
        "allowed_models": caller.allowed_models,
        "max_priority": caller.max_priority,
    }
    return json_response(shown)
