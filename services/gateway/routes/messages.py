"""POST /v1/messages: the form of Anthropic's messages."""

from functools import partial

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from services.gateway.answers import AnthropicMessage
from services.gateway.edge import Completion
from services.gateway.event_stream import EventStream, MessagesWords
from services.gateway.gateway import gateway_of
from services.gateway.headers import request_id
from services.gateway.inference.schemas import MessagesBody
from services.gateway.routes.documented import EVENTS, documented

router = APIRouter(tags=["inference"])

PATH = "/v1/messages"


async def hot(scope: Scope, receive: Receive, send: Send) -> None:
    """The route without FastAPI's layers, which only document it."""
    scope["route"] = _ROUTE
    response = await messages(Request(scope, receive))
    await response(scope, receive, send)


@router.post(PATH)
@documented(infers="asked", takes=MessagesBody, gives=AnthropicMessage, streams=(EVENTS,))
async def messages(request: Request) -> Response:
    """Any model, in Anthropic's form (docs/messages.md); with `"stream": true` as server-sent events."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    gateway.let_in(request, caller)
    sent = await gateway.sent(request, caller)
    admitted = gateway.completing.admit_messages(sent)
    if admitted.stream:
        words = MessagesWords(partial(request_id, request.scope))
        return EventStream(gateway.completing.stream(caller, sent, admitted), words, gateway.stream_times)
    return Completion(await gateway.completing.complete(caller, sent, admitted))


_ROUTE = next(route for route in router.routes if isinstance(route, APIRoute))
