"""/api/inferences/{id}: its timeline, from the books, and its cancellation.

What was just accepted here is known before the books know it.
"""

import asyncio
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.edge import json_response, traceparent
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.inference.lately import Accepted
from services.gateway.monitor_client import MonitorAnswer, ask_monitor
from services.gateway.routes.documented import AUTHENTICATED
from shared.errors import TallygateError, failure, render

router = APIRouter(tags=["inference"])

# A caller that has its answer expects the books to have it too: wait for them this long.
_BOOKS_CATCH_UP_S = 2.0
_ASK_EVERY_S = 0.05


@router.get("/api/inferences/{inference_id}", openapi_extra=AUTHENTICATED)
async def inference(request: Request, inference_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    known_id = _parsed(inference_id)
    accepted = gateway.lately.find(known_id, caller.tenant_id)
    answer = await _booked(request, gateway, known_id, accepted)
    if answer.status == 404 and accepted is not None:
        return json_response(_accepted(known_id, accepted))
    return Response(answer.body, answer.status, media_type=answer.content_type)


@router.delete("/api/inferences/{inference_id}", openapi_extra=AUTHENTICATED, status_code=202)
async def cancel(request: Request, inference_id: str) -> Response:
    """Waiting or in flight, it is settled as `cancelled`, unless its answer comes first."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    known_id = _parsed(inference_id)
    accepted = gateway.lately.find(known_id, caller.tenant_id)
    if accepted is None or accepted.answered:  # otherwise its caller still waits here, and the books may lag
        answer = await _booked(request, gateway, known_id, accepted)
        if _settled(answer):
            return _settled_already(known_id, str(orjson.loads(answer.body)["state"]))
        if answer.status != 200 and accepted is None:
            return Response(answer.body, answer.status, media_type=answer.content_type)
    await gateway.inferences.cancel(caller.tenant_id, known_id, traceparent(request), "asked")
    return json_response({"inference_id": str(known_id), "state": "cancelling"}, 202)


async def _booked(request: Request, gateway: Gateway, known_id: UUID, accepted: Accepted | None) -> MonitorAnswer:
    deadline = asyncio.get_running_loop().time() + _BOOKS_CATCH_UP_S
    while True:
        answer = await ask_monitor(gateway.monitor, request, f"/api/inferences/{known_id}")
        late = accepted is not None and accepted.answered and not _settled(answer)
        if not late or asyncio.get_running_loop().time() > deadline:
            return answer
        await asyncio.sleep(_ASK_EVERY_S)


def _settled_already(inference_id: UUID, state: str) -> Response:
    refusal = failure(
        "invalid_request",
        f"the inference is settled already: {state}",
        http_status=409,
        tips=(f"There is nothing left to cancel; see: tallygate show {inference_id}",),
    )
    body = render.problem(refusal, inference_id=str(inference_id)) | {"state": state}
    return Response(orjson.dumps(body), 409, render.headers(refusal), "application/problem+json")


def _settled(answer: MonitorAnswer) -> bool:
    return answer.status == 200 and orjson.loads(answer.body)["settled_at"] is not None


def _accepted(inference_id: UUID, accepted: Accepted) -> dict[str, Any]:
    return {
        "inference_id": str(inference_id),
        "state": "accepted",
        "accepted_at": accepted.accepted_at.isoformat(),
        "settled_at": None,
        "model_requested": accepted.model_requested,
        "model_served": None,
        "candidates": [],
        "attempts": [],
        "error": None,
    }


def _parsed(inference_id: str) -> UUID:
    try:
        return UUID(inference_id)
    except ValueError:
        raise TallygateError("invalid_request", "the inference id is not a UUID", http_status=404) from None
