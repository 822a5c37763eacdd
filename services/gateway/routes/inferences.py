"""/api/inferences/{id}: its timeline, from the books, and its cancellation.

The monitor books what is on the topics before it says that it knows nothing of an inference, or that it is open, so
every gateway knows what another one has accepted.
"""

from contextlib import suppress
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.answers.monitoring import Cancelling, Timeline
from services.gateway.edge import json_response, traceparent
from services.gateway.gateway import gateway_of
from services.gateway.monitor_client import MonitorAnswer, ask_monitor
from services.gateway.routes.documented import documented
from shared.errors import TallygateError, failure, render

router = APIRouter(tags=["inference"])

_VERSION = 7  # of the UUIDs that inferences have


@router.get("/api/inferences/{inference_id}")
@documented(gives=Timeline, fails=(404,))
async def inference(request: Request, inference_id: str) -> Response:
    gateway = gateway_of(request)
    await gateway.caller(request, "inference")
    return _passed_on(await ask_monitor(gateway.monitor, request, _path(_parsed(inference_id))))


@router.delete("/api/inferences/{inference_id}")
@documented(gives=Cancelling, status=202, fails=(404, 409))
async def cancel(request: Request, inference_id: str) -> Response:
    """Waiting or in flight, it is settled as `cancelled`, unless its answer comes first."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    known_id = _parsed(inference_id)
    try:
        answer = await ask_monitor(gateway.monitor, request, _path(known_id))
    except TallygateError:
        answer = None
    # While the books cannot be asked it is cancelled all the same, which changes nothing of what is settled or unknown.
    if answer is not None and answer.status < 500:
        if answer.status != 200:
            return _passed_on(answer)
        told = orjson.loads(answer.body)
        if told["settled_at"] is not None:
            return _settled_already(known_id, str(told["state"]))
    await gateway.inferences.cancel(caller.tenant_id, known_id, traceparent(request), "asked")
    return json_response({"inference_id": str(known_id), "state": "cancelling"}, 202)


def _path(inference_id: UUID) -> str:
    return f"/api/inferences/{inference_id}"


def _passed_on(answer: MonitorAnswer) -> Response:
    return Response(answer.body, answer.status, media_type=answer.content_type)


def _settled_already(inference_id: UUID, state: str) -> Response:
    refusal = failure(
        "invalid_request",
        f"the inference is settled already: {state}",
        http_status=409,
        tips=(f"There is nothing left to cancel; see: tallygate show {inference_id}",),
    )
    body = render.problem(refusal, inference_id=str(inference_id)) | {"state": state}
    return Response(orjson.dumps(body), 409, render.headers(refusal), "application/problem+json")


def _parsed(inference_id: str) -> UUID:
    with suppress(ValueError):
        if (known := UUID(inference_id)).version == _VERSION:
            return known
    raise TallygateError("invalid_request", f"the inference id is not a UUIDv{_VERSION}", http_status=404)
