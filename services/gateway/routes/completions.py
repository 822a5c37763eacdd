"""/v1/completions: OpenAI's old text completions, for clients that know no other."""

from fastapi import APIRouter, Request, Response

from services.gateway.answers.openai import TextCompletion
from services.gateway.edge import Completion
from services.gateway.event_stream import ChatWords, EventStream
from services.gateway.gateway import gateway_of
from services.gateway.inference.text_completions import TextBody, told
from services.gateway.routes.documented import EVENTS, documented

router = APIRouter(tags=["inference"])


@router.post("/v1/completions")
@documented(infers="asked", takes=TextBody, gives=TextCompletion, streams=(EVENTS,))
async def completions(request: Request) -> Response:
    """The prompt is asked as the user's message of a chat."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    admitted = gateway.completing.admit_text(sent)
    if admitted.stream:
        words = _TextWords(include_usage=admitted.include_usage)
        return EventStream(gateway.completing.stream(caller, sent, admitted), words, gateway.stream_times)
    answer = await gateway.completing.complete(caller, sent, admitted)
    return Completion(answer, told(answer.body))


class _TextWords(ChatWords):
    def chunks(self, chunks: bytes) -> bytes:
        return super().chunks(b"\n".join(told(chunk) for chunk in chunks.split(b"\n") if chunk))
