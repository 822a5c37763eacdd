"""POST /v1/chat/completions: the OpenAI wire format."""

from fastapi import APIRouter, Request, Response

from services.gateway.edge import inference_headers, read_body
from services.gateway.gateway import gateway_of
from services.gateway.routes.documented import takes
from services.gateway.schemas import ChatBody

router = APIRouter(tags=["inference"])


@router.post("/v1/chat/completions", openapi_extra=takes(ChatBody), summary="Chat completion")
async def chat_completions(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    admitted = gateway.admit_chat(request, await read_body(request, gateway.settings.max_body_bytes))
    answer = await gateway.complete(request, caller, admitted)
    headers = inference_headers(answer.inference_id, answer.model, answer.attempts)
    return Response(answer.body, 200, headers, "application/json")
