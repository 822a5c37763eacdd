"""POST /v1/chat/completions: the OpenAI wire format."""

from fastapi import APIRouter, Request, Response

from services.gateway.answers.openai import ChatCompletion
from services.gateway.edge import Completion
from services.gateway.event_stream import ChatWords, EventStream
from services.gateway.gateway import gateway_of
from services.gateway.inference.schemas import ChatBody
from services.gateway.routes.documented import EVENTS, documented

router = APIRouter(tags=["inference"])


PATH = "/v1/chat/completions"


@router.post(PATH)
@documented(infers="asked", takes=ChatBody, gives=ChatCompletion, streams=(EVENTS,))
async def chat_completions(request: Request) -> Response:
    """With `"stream": true` the answer is told as server-sent events (docs/streams.md)."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    admitted = gateway.completing.admit(sent)
    if admitted.stream:
        words = ChatWords(include_usage=admitted.include_usage)
        return EventStream(gateway.completing.stream(caller, sent, admitted), words, gateway.stream_times)
    return Completion(await gateway.completing.complete(caller, sent, admitted))
