"""POST /v1/messages: the form of Anthropic's messages."""

from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request, Response

from services.gateway.answers.anthropic import AnthropicMessage, CountedTokens
from services.gateway.edge import Completion, json_response
from services.gateway.event_stream import EventStream, MessagesWords
from services.gateway.gateway import gateway_of
from services.gateway.headers import USAGE_HEADER, request_id
from services.gateway.inference.schemas import CountedBody, MessagesBody
from services.gateway.routes.documented import EVENTS, documented
from shared.inferences import InferenceFailedError
from shared.wire import exchange_of

router = APIRouter(tags=["inference"])

PATH = "/v1/messages"
_NOT_THERE = frozenset({404, 405, 501})


@router.post(PATH)
@documented(infers="asked", takes=MessagesBody, gives=AnthropicMessage, streams=(EVENTS,))
async def messages(request: Request) -> Response:
    """Any model, in Anthropic's form (docs/messages.md); with `"stream": true` as server-sent events."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    admitted = gateway.completing.admit_messages(sent)
    if admitted.stream:
        words = MessagesWords(partial(request_id, request.scope))
        return EventStream(gateway.completing.stream(caller, sent, admitted), words, gateway.stream_times)
    return Completion(await gateway.completing.complete(caller, sent, admitted))


@router.post(PATH + "/count_tokens")
@documented(infers="asked", takes=CountedBody, gives=CountedTokens)
async def count_tokens(request: Request) -> Response:
    """How many tokens a message would take: asked of the endpoint when the model that would be called first has one
    that can tell, else an estimate, which the header x-tallygate-usage says."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    admitted = gateway.completing.admit_counting(sent)
    model, estimate = await gateway.completing.first_candidate(caller, admitted)
    if exchange_of(admitted.operation, admitted.form, model.wire_format) is not None:
        only = admitted.options.model_copy(update={"no_fallback": True})
        try:
            answer = await gateway.completing.complete(caller, sent, replace(admitted, model=model.id, options=only))
        except InferenceFailedError as error:
            if not _cannot_count(error):
                raise
        else:
            counted = Completion(answer)
            counted.headers[USAGE_HEADER] = "reported"
            return counted
    return json_response({"input_tokens": max(1, estimate)}, headers={USAGE_HEADER: "estimated"})


def _cannot_count(error: InferenceFailedError) -> bool:
    """Servers that speak the form need not have all of it."""
    failed = error.failure
    return failed.upstream_status in _NOT_THERE and failed.error_type != "model_not_found"
