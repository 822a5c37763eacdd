"""POST /v1/chat/completions: the OpenAI wire format."""

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from services.gateway.answers import ChatCompletion
from services.gateway.edge import Completion
from services.gateway.event_stream import ChatWords, EventStream
from services.gateway.gateway import gateway_of
from services.gateway.inference.schemas import ChatBody
from services.gateway.routes.documented import EVENTS, documented

router = APIRouter(tags=["inference"])


PATH = "/v1/chat/completions"


async def hot(scope: Scope, receive: Receive, send: Send) -> None:
    """The route without FastAPI's layers, which only document it."""
    scope["route"] = _ROUTE
    response = await chat_completions(Request(scope, receive))
    await response(scope, receive, send)


@router.post(PATH)
@documented(infers="asked", takes=ChatBody, gives=ChatCompletion, streams=(EVENTS,))
async def chat_completions(request: Request) -> Response:
    """With `"stream": true` the answer is told as server-sent events (docs/streams.md)."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    gateway.let_in(request, caller)
    sent = await gateway.sent(request, caller)
    admitted = gateway.completing.admit(sent)
    if admitted.stream:
        words = ChatWords(include_usage=admitted.include_usage)
        return EventStream(gateway.completing.stream(caller, sent, admitted), words, gateway.stream_times)
    return Completion(await gateway.completing.complete(caller, sent, admitted))


_ROUTE = next(route for route in router.routes if isinstance(route, APIRoute))
