"""Models: what can be called (/v1/models, /api/models/list), and the tenant's own (/api/models/custom)."""

from datetime import UTC, datetime, timedelta

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.admission import Admitted
from services.gateway.codebase import message_of
from services.gateway.custom_models import (
    changed_model,
    listed_model,
    model_name_of,
    public_model,
    stored_model,
)
from services.gateway.edge import inference_headers, json_response
from services.gateway.gateway import gateway_of, parsed
from services.gateway.routes.documented import AUTHENTICATED, takes
from services.gateway.schemas import CustomModelChange, CustomModelCreate, ModelTest
from shared.errors import TallygateError
from shared.registry.models import CUSTOM_PREFIX

router = APIRouter(tags=["models"])

_TEST_MAX_TOKENS = 16


@router.get("/v1/models", openapi_extra=AUTHENTICATED)
async def openai_models(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    models = gateway.models(caller)
    usable = [model for model in (*models.custom.values(), *models.provider.values()) if model.is_active]
    data = [
        {
            "id": model.id,
            "object": "model",
            "created": int(model.created_at.timestamp()) if model.created_at else 0,
            "owned_by": caller.tenant_id if model.is_custom else model.provider_name,
        }
        for model in usable
    ]
    return json_response({"object": "list", "data": data})


@router.get("/api/models/list", openapi_extra=AUTHENTICATED)
async def list_models(request: Request) -> Response:
    gateway = gateway_of(request)
    models = gateway.models(await gateway.caller(request, "inference"))
    listed = [listed_model(model) for model in (*models.custom.values(), *models.provider.values())]
    return json_response({"models": listed, "total": len(listed)})


@router.post("/api/models/custom", openapi_extra=takes(CustomModelCreate), status_code=201)
async def register_model(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    body = await gateway.body(request, CustomModelCreate)
    model = stored_model(gateway.ring, caller.tenant_id, body)
    if not await gateway.store.add_model(caller.tenant_id, model, datetime.now(UTC)):
        raise TallygateError(
            "invalid_request",
            f"a model with the id {body.model_id!r} exists already",
            http_status=409,
            tips=(f"Change it: PATCH /api/models/custom/{body.model_id}", "Or choose another model_id."),
        )
    return await _shown(request, caller.tenant_id, body.model_id, 201)


@router.get("/api/models/custom", openapi_extra=AUTHENTICATED)
async def custom_models(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    rows = await gateway.store.models(caller.tenant_id)
    return json_response({"models": [public_model(row) for row in rows], "total": len(rows)})


@router.get("/api/models/custom/{model_id}", openapi_extra=AUTHENTICATED)
async def custom_model(request: Request, model_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    row = await gateway.store.model(caller.tenant_id, model_name_of(model_id))
    if row is None:
        raise _not_found(model_id)
    return json_response(public_model(row))


@router.patch("/api/models/custom/{model_id}", openapi_extra=takes(CustomModelChange))
async def change_model(request: Request, model_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    body = await gateway.body(request, CustomModelChange)
    row = await gateway.store.model(caller.tenant_id, model_name_of(model_id))
    if row is None:
        raise _not_found(model_id)
    model = changed_model(gateway.ring, caller.tenant_id, row, body)
    if not await gateway.store.change_model(caller.tenant_id, model, datetime.now(UTC)):
        raise _not_found(model_id)
    return await _shown(request, caller.tenant_id, model.model_id, 200)


@router.delete("/api/models/custom/{model_id}", openapi_extra=AUTHENTICATED, status_code=204)
async def remove_model(request: Request, model_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    if not await gateway.store.remove_model(caller.tenant_id, model_name_of(model_id)):
        raise _not_found(model_id)
    await gateway.registry.refresh(caller.tenant_id)
    return Response(status_code=204)


@router.post("/api/models/custom/{model_id}/test", openapi_extra=takes(ModelTest))
async def test_model(request: Request, model_id: str) -> Response:
    """One real completion by this model alone, active or not, on record like every other."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "models")
    sent = await gateway.raw_body(request)
    test = parsed(ModelTest, sent)
    row = await gateway.store.model(caller.tenant_id, model_name_of(model_id))
    if row is None:
        raise _not_found(model_id)
    now = datetime.now(UTC)
    admitted = Admitted(
        body=orjson.dumps({"messages": [{"role": "user", "content": test.message}], "max_tokens": _TEST_MAX_TOKENS}),
        model=CUSTOM_PREFIX + row["model_id"],
        accepted_at=now,
        deadline_at=now + timedelta(seconds=gateway.settings.default_deadline_s),
        no_fallback=True,
        allow_inactive=True,
    )
    answer = await gateway.complete(request, caller, admitted, sent)
    completion = orjson.loads(answer.body)
    body = {
        "ok": True,
        "model": answer.model,
        "answer": message_of(completion),
        "latency_s": (datetime.now(UTC) - now).total_seconds(),
        "inference_id": str(answer.inference_id),
        "usage": completion.get("usage"),
        "attempts": answer.attempts,
    }
    return json_response(body, 200, inference_headers(answer))


async def _shown(request: Request, tenant_id: str, model_id: str, status: int) -> Response:
    """The model as stored now; this gateway's registry knows it before the caller does."""
    gateway = gateway_of(request)
    await gateway.registry.refresh(tenant_id)
    row = await gateway.store.model(tenant_id, model_id)
    if row is None:
        raise _not_found(model_id)
    return json_response(public_model(row), status)


def _not_found(model_id: str) -> TallygateError:
    return TallygateError(
        "model_not_found",
        f"there is no custom model {model_name_of(model_id)!r}",
        http_status=404,
        tips=("List yours: GET /api/models/custom, or tallygate models list",),
    )
