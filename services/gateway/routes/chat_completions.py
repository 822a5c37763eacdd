"""POST /v1/chat/completions: the OpenAI wire format."""

from fastapi import APIRouter, Request, Response

from services.gateway.edge import inference_headers
from services.gateway.gateway import gateway_of
from services.gateway.inference.schemas import ChatBody
from services.gateway.routes.documented import takes

router = APIRouter(tags=["inference"])


@router.post("/v1/chat/completions", openapi_extra=takes(ChatBody), summary="Chat completion")
async def chat_completions(request: Request) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    with gateway.completing.let_in(caller):
        answer = await gateway.completing.chat(caller, await gateway.sent(request, caller))
    return Response(answer.body, 200, inference_headers(answer), "application/json")
