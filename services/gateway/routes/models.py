"""Models: what can be called (/v1/models, /api/models/list), and the tenant's own (/api/models/custom)."""

from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.answers.anthropic import AnthropicModel, AnthropicModels
from services.gateway.answers.models import CustomModel, CustomModels, ListedModels, Selection
from services.gateway.answers.openai import OpenAIModel, OpenAIModels
from services.gateway.edge import json_response
from services.gateway.gateway import gateway_of
from services.gateway.inference.schemas import ChatBody
from services.gateway.models.custom_models import (
    changed_model,
    model_name_of,
    public_model,
    servers_changed,
    stored_model,
)
from services.gateway.models.listing import (
    anthropic_entry,
    anthropic_list,
    listed,
    openai_entry,
    openai_list,
    usable,
    usable_model,
)
from services.gateway.models.schemas import CustomModelChange, CustomModelCreate
from services.gateway.routes.documented import documented
from services.gateway.tenants.changes import changed_by
from shared.errors import TallygateError
from shared.registry.models import CUSTOM_PREFIX
from shared.selection import needs_of, select

router = APIRouter(tags=["models"])

_TOLD_OF_BUDGET = {"error_type", "http_status", "detail", "tips", "retry_after_s"}


@router.get("/v1/models")
@documented(gives=OpenAIModels | AnthropicModels)
async def openai_models(request: Request) -> Response:
    """What this key can call now; in Anthropic's form for clients that send `anthropic-version`."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    models = usable(gateway.registry.current(caller.tenant_id), caller, gateway.ring)
    return json_response(anthropic_list(models) if _speaks_anthropic(request) else openai_list(models, caller))


@router.get("/v1/models/{model_id:path}")
@documented(gives=OpenAIModel | AnthropicModel, fails=(404,))
async def openai_model(request: Request, model_id: str) -> Response:
    """One that this key can call now; the names of some providers' models hold slashes."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    model = usable_model(gateway.registry.current(caller.tenant_id), model_id, caller, gateway.ring)
    return json_response(anthropic_entry(model) if _speaks_anthropic(request) else openai_entry(model, caller))


def _speaks_anthropic(request: Request) -> bool:
    return "anthropic-version" in request.headers


@router.get("/api/models/list")
@documented(gives=ListedModels)
async def list_models(request: Request) -> Response:
    """Custom and provider models in one list; for each that cannot be used, why."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference", "models")
    health = gateway.conditions.health(caller.tenant_id)
    models = listed(gateway.registry.current(caller.tenant_id), caller, health, gateway.ring)
    return json_response({"models": models, "total": len(models)})


@router.post("/api/models/select")
@documented(takes=ChatBody, gives=Selection)
async def explain_selection(request: Request) -> Response:
    """Which models a chat request would be tried on, in order, and why each other one is passed over. Calls none.

    over_budget: why the request would be refused all the same.
    """
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    gateway.admit(request, caller)
    admitted = gateway.completing.admit(await gateway.sent(request, caller))
    models = await gateway.registry.refresh(caller.tenant_id)
    options = admitted.options.model_copy(update={"allowed_models": caller.allowed_models})
    needs = needs_of(admitted.model, orjson.loads(admitted.body), options)
    selection = select(needs, models, gateway.conditions.health(caller.tenant_id))
    over = gateway.completing.over_budget(caller)
    body = {
        "over_budget": over.model_dump(include=_TOLD_OF_BUDGET) if over else None,
        "policy": options.policy or models.terms.policy,
        "needs": {
            "model": needs.reference,
            "prompt_tokens": needs.prompt_tokens,
            "answer_tokens": needs.answer_tokens,
            "streaming": needs.streaming,
            "tools": needs.tools,
            "vision": needs.vision,
            "task": needs.operation,
        },
        "candidates": [{"model": candidate.model.id, "reason": candidate.reason} for candidate in selection.candidates],
        "passed_over": [
            {
                "model": considered.model,
                "reason": considered.reason,
                "error_type": selection.objections[considered.model].error_type,
            }
            for considered in selection.considered
            if not considered.chosen
        ],
        "not_looked_at": selection.unseen,
    }
    return json_response(body)


@router.post("/api/models/custom")
@documented(takes=CustomModelCreate, gives=CustomModel, status=201, fails=(404, 409, 424, 502))
async def register_model(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    body = await gateway.body(request, caller, CustomModelCreate)
    model = stored_model(gateway.ring, caller.tenant_id, body)
    await gateway.guard.check(model.endpoint_url)
    change = changed_by(caller, "model.added", CUSTOM_PREFIX + body.model_id, fields=sorted(body.model_fields_set))
    if not await gateway.custom_models.add_model(model, change, datetime.now(UTC)):
        raise already_there(body.model_id)
    return json_response(await shown_model(request, caller.tenant_id, body.model_id), 201)


@router.get("/api/models/custom")
@documented(gives=CustomModels)
async def custom_models(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    rows = await gateway.custom_models.models(caller.tenant_id)
    return json_response({"models": [public_model(row) for row in rows], "total": len(rows)})


@router.get("/api/models/custom/{model_id}")
@documented(gives=CustomModel, fails=(404,))
async def custom_model(request: Request, model_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    row = await gateway.custom_models.model(caller.tenant_id, model_name_of(model_id))
    if row is None:
        raise not_found(model_id)
    return json_response(public_model(row))


@router.patch("/api/models/custom/{model_id}")
@documented(takes=CustomModelChange, gives=CustomModel, fails=(404, 409, 424, 502))
async def change_model(request: Request, model_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    body = await gateway.body(request, caller, CustomModelChange)
    name = model_name_of(model_id)
    fields = sorted(body.model_fields_set - {"if_updated_at"})
    while True:  # until no other request has changed the model in between
        row = await gateway.custom_models.model(caller.tenant_id, name)
        if row is None:
            raise not_found(model_id)
        if body.if_updated_at not in (None, public_model(row)["updated_at"]):
            raise changed_meanwhile(name)
        model = changed_model(gateway.ring, caller.tenant_id, row, body)
        if body.endpoint_url is not None:
            await gateway.guard.check(model.endpoint_url)
        servers = servers_changed(row, model)
        change = changed_by(caller, "model.changed", CUSTOM_PREFIX + name, fields=fields, **servers)
        if await gateway.custom_models.change_model(row, model, change, datetime.now(UTC)):
            return json_response(await shown_model(request, caller.tenant_id, name))


@router.delete("/api/models/custom/{model_id}")
@documented(fails=(404,))
async def remove_model(request: Request, model_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    name = model_name_of(model_id)
    change = changed_by(caller, "model.removed", CUSTOM_PREFIX + name)
    if not await gateway.custom_models.remove_model(name, change):
        raise not_found(model_id)
    await gateway.registry.refresh(caller.tenant_id)
    return Response(status_code=204)


async def shown_model(request: Request, tenant_id: str, model_id: str) -> dict[str, Any]:
    """The model as stored now; this gateway's registry knows it before the caller does."""
    gateway = gateway_of(request)
    await gateway.registry.refresh(tenant_id)
    row = await gateway.custom_models.model(tenant_id, model_id)
    if row is None:
        raise not_found(model_id)
    return public_model(row)


def already_there(model_id: str) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"a model with the id {model_id!r} exists already",
        http_status=409,
        tips=(f"Change it: PATCH /api/models/custom/{model_id}", "Or choose another model_id."),
    )


def changed_meanwhile(name: str) -> TallygateError:
    return TallygateError(
        "invalid_request",
        f"the custom model {name!r} is not as it was at if_updated_at any more; nothing was changed",
        http_status=409,
        tips=(f"Look at it: GET /api/models/custom/{name}", "Who changed it: GET /api/changes"),
    )


def not_found(model_id: str) -> TallygateError:
    return TallygateError(
        "model_not_found",
        f"there is no custom model {model_name_of(model_id)!r}",
        http_status=404,
        tips=("List yours: GET /api/models/custom, or tallygate models list",),
    )
