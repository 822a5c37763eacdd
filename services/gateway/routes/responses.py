"""/v1/responses: OpenAI's Responses, on every model that can chat (docs/responses.md)."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import Field

from services.gateway.answers.openai import InputItems, OpenAIResponse, ResponseDeleted
from services.gateway.background.store import Kept
from services.gateway.bodies import InvalidBodyError, Query, parsed, validated
from services.gateway.edge import Completion, json_response, traceparent
from services.gateway.event_stream import EventStream, Following
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.headers import INFERENCE_HEADER, REPLAYED_HEADER
from services.gateway.inference.completing import Sent
from services.gateway.monitor_client import state_of
from services.gateway.responses.asking import chat_body
from services.gateway.responses.keeping import not_kept
from services.gateway.responses.response import Telling, inference_id_in
from services.gateway.responses.schemas import ResponseBody
from services.gateway.routes.documented import EVENTS, documented
from shared.access import Caller
from shared.errors import Failure, TallygateError, render
from shared.inferences import Answer, InferenceFailedError
from shared.wire.reading.streams import BrokenStreamError, json_of

router = APIRouter(prefix="/v1/responses", tags=["inference"])

_CANCELLED_WITHIN_S = 5.0  # to the stored word that it was cancelled


class ResponseQuery(Query):
    """stream: as server-sent events, of a response in the background. starting_after: only events after this
    sequence_number."""

    stream: bool = False
    starting_after: Annotated[int, Field(ge=0, lt=2**53)] | None = None


@router.post("")
@documented(infers="asked", takes=ResponseBody, gives=OpenAIResponse, streams=(EVENTS,))
async def create_response(request: Request) -> Response:
    """With `"stream": true` it is told as server-sent events. With `"background": true` it is answered at once, and
    fetched, followed and cancelled by its id (docs/background.md)."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    asked = parsed(ResponseBody, sent.body)
    if asked.background:
        return await _begun_in_background(gateway, caller, sent)
    earlier = await gateway.responses.earlier(caller.tenant_id, asked, gateway.background_responses.finish)
    body = chat_body(asked, earlier, partial(gateway.responses.open_thoughts, caller.tenant_id))
    admitted = gateway.completing.admit_as_chat(sent, body)
    if asked.stream:
        words = ResponseWords(gateway, caller, asked)
        return EventStream(
            gateway.completing.stream(caller, words.named_by(sent), admitted), words, gateway.stream_times
        )
    answer = await gateway.completing.complete(caller, sent, admitted)
    telling = _telling(gateway, caller, asked, answer.inference_id, int(time.time()))
    try:
        telling.add_whole(answer.body)
        if asked.is_kept:
            await gateway.responses.keep(caller.tenant_id, asked, answer.inference_id, telling)
        return Completion(answer, json_of(telling.whole))
    except BrokenStreamError as error:
        raise TallygateError("bad_response", f"the answer cannot be told as a response: {error}") from None


async def _begun_in_background(gateway: Gateway, caller: Caller, sent: Sent) -> Response:
    begun, asked = await gateway.background_responses.begin(caller, sent, sent.body)
    if asked.stream and (kept := await gateway.background_responses.kept(caller.tenant_id, begun.inference_id)):
        return _followed(gateway, caller, kept)
    telling = _telling(gateway, caller, asked, begun.inference_id, int(begun.accepted_at.timestamp()))
    headers = {INFERENCE_HEADER: str(begun.inference_id)} | ({REPLAYED_HEADER: "true"} if begun.replayed else {})
    return json_response(telling.standing("queued"), 200, headers)


@router.get("/{response_id}")
@documented(query=ResponseQuery, gives=OpenAIResponse, streams=(EVENTS,), fails=(404, 424))
async def show_response(request: Request, response_id: str) -> Response:
    """A response that is kept, or is worked on in the background: `queued`, `in_progress`, `completed`, `incomplete`,
    `failed` or `cancelled`. With `stream` its events, from the first or after another one."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    query = validated(ResponseQuery, _known_query(request))
    if query.stream:
        return await _followed_again(gateway, caller, response_id, query)
    return json_response((await _content(gateway, caller, request, response_id))["response"])


@router.get("/{response_id}/input_items")
@documented(gives=InputItems, fails=(404, 424))
async def list_input_items(request: Request, response_id: str) -> Response:
    """What a response was asked with, the newest first."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    items = list(reversed((await _content(gateway, caller, request, response_id))["input"]))
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return json_response({"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": False})


@router.post("/{response_id}/cancel")
@documented(gives=OpenAIResponse, fails=(400, 404, 424))
async def cancel_response(request: Request, response_id: str) -> Response:
    """Of a response in the background. One that has ended stays as it is, and is told."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    inference_id = _inference_id(response_id)
    kept = await gateway.background_responses.kept(caller.tenant_id, inference_id)
    if kept is None and await gateway.responses.kept(caller.tenant_id, inference_id) is not None:
        raise InvalidBodyError("only a response that was asked for in the background can be cancelled", "response_id")
    if kept is None:
        raise not_kept(response_id)
    if kept.has_ended:
        return json_response((await _content(gateway, caller, request, response_id))["response"])
    await gateway.inferences.cancel(caller.tenant_id, inference_id, traceparent(request), "asked")
    return json_response(await gateway.background_responses.cancelled(kept, _CANCELLED_WITHIN_S))


@router.delete("/{response_id}")
@documented(gives=ResponseDeleted, fails=(404,))
async def delete_response(request: Request, response_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    known = _inference_id(response_id)
    kept = await gateway.responses.delete(caller.tenant_id, known)
    if not await gateway.background_responses.delete(caller.tenant_id, known) and not kept:
        raise not_kept(response_id)
    return json_response({"id": response_id, "object": "response", "deleted": True})


async def _content(gateway: Gateway, caller: Caller, request: Request, response_id: str) -> dict[str, Any]:
    """`response` and `input`. Raises TallygateError."""
    inference_id = _inference_id(response_id)
    content = await gateway.responses.kept(caller.tenant_id, inference_id)
    if content is None:
        kept = await gateway.background_responses.kept(caller.tenant_id, inference_id)
        if kept is not None:
            ask = partial(state_of, gateway.monitor, request, inference_id)
            content = await gateway.background_responses.content(kept, ask)
    if content is None:
        raise not_kept(response_id)
    return content


async def _followed_again(gateway: Gateway, caller: Caller, response_id: str, query: ResponseQuery) -> Response:
    inference_id = _inference_id(response_id)
    kept = await gateway.background_responses.kept(caller.tenant_id, inference_id)
    if kept is None and await gateway.responses.kept(caller.tenant_id, inference_id) is not None:
        raise InvalidBodyError("only a response that was asked for in the background is told as events again", "stream")
    if kept is None or kept.is_gone:
        raise not_kept(response_id)
    return _followed(gateway, caller, kept, query.starting_after)


def _followed(gateway: Gateway, caller: Caller, kept: Kept, starting_after: int | None = None) -> Response:
    """Its caller may leave: the response goes on."""
    asked = gateway.background_responses.asked(kept)
    words = ResponseWords(gateway, caller, asked, int(kept.accepted_at.timestamp()), starting_after)
    words.known_as(kept.inference_id)
    followed = gateway.background.following(kept, chunks=True)
    return EventStream(followed, words, gateway.stream_times, Following(words.broken))


def _known_query(request: Request) -> dict[str, str]:
    """SDKs send more, which asks for nothing that would not be told anyway."""
    return {name: value for name, value in request.query_params.items() if name in ResponseQuery.model_fields}


def _inference_id(response_id: str) -> UUID:
    """Raises TallygateError."""
    if (known := inference_id_in(response_id)) is None:
        raise not_kept(response_id)
    return known


def _telling(gateway: Gateway, caller: Caller, asked: ResponseBody, inference_id: UUID, created_at: int) -> Telling:
    return gateway.background_responses.telling(caller.tenant_id, asked, inference_id, created_at)


class ResponseWords:
    """The `Words` of one `EventStream`. `named_by` must have been given to what begins the inference, or `known_as`
    have been called. created_at: in seconds since 1970; now unless given. starting_after: the sequence_number of the
    last event that is not told."""

    def __init__(
        self, gateway: Gateway, caller: Caller, asked: ResponseBody, created_at: int | None = None,
        starting_after: int | None = None,
    ) -> None:  # fmt: skip
        self._gateway = gateway
        self._caller = caller
        self._asked = asked
        self._created_at = created_at
        self._starting_after = -1 if starting_after is None else starting_after
        self._inference_id: UUID | None = None
        self._telling: Telling | None = None

    def named_by(self, sent: Sent) -> Sent:
        def named(name: Any, value: UUID) -> None:
            self._inference_id = value
            sent.named(name, value)

        return replace(sent, named=named)

    def known_as(self, inference_id: UUID) -> None:
        self._inference_id = inference_id

    def chunks(self, chunks: bytes) -> bytes:
        return b"".join(self._begun()) + b"".join(
            self._event(event) for line in chunks.split(b"\n") if line for event in self._known.add(orjson.loads(line))
        )

    async def end(self, answer: Answer) -> bytes:
        begun = b"".join(self._begun())
        telling = self._known
        last = b"".join(map(self._event, telling.last_items()))
        if self._asked.is_kept:
            await self._gateway.responses.keep(self._caller.tenant_id, self._asked, answer.inference_id, telling)
        return begun + last + self._event(telling.end())

    def failed(self, failed: InferenceFailedError) -> bytes:
        return b"".join(self._begun()) + self._event(self._known.failed(failed.failure))

    def broken(self, why: Failure) -> bytes:
        """Of a response in the background, which goes on: SDKs raise it, and it is followed again."""
        error = render.openai_error(why, inference_id=str(self._inference_id))
        return b"event: error\ndata: %b\n\n" % orjson.dumps(error)

    @property
    def _known(self) -> Telling:
        if self._telling is None:
            if self._inference_id is None:
                raise RuntimeError("no inference has been begun")
            created_at = int(time.time()) if self._created_at is None else self._created_at
            self._telling = _telling(self._gateway, self._caller, self._asked, self._inference_id, created_at)
        return self._telling

    def _begun(self) -> Iterator[bytes]:
        """The first events, before all others."""
        if self._telling is None:
            yield from map(self._event, self._known.begin())

    def _event(self, event: dict[str, Any]) -> bytes:
        return _event(event) if event["sequence_number"] > self._starting_after else b""


def _event(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), orjson.dumps(event))
