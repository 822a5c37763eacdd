"""/v1/responses: OpenAI's Responses, on every model that can chat (docs/responses.md)."""

import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.answers.openai import InputItems, OpenAIResponse, ResponseDeleted
from services.gateway.bodies import parsed
from services.gateway.edge import inference_headers, json_response
from services.gateway.event_stream import EventStream
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.inference.completing import Sent
from services.gateway.responses.asking import THOUGHTS, chat_body
from services.gateway.responses.response import Telling, told_at_once
from services.gateway.responses.schemas import ResponseBody
from services.gateway.routes.documented import EVENTS, documented
from shared.access import Caller
from shared.errors import TallygateError
from shared.inferences import Answer, InferenceFailedError
from shared.wire.reading.streams import BrokenStreamError

router = APIRouter(prefix="/v1/responses", tags=["inference"])


@router.post("")
@documented(infers="asked", takes=ResponseBody, gives=OpenAIResponse, streams=(EVENTS,))
async def create_response(request: Request) -> Response:
    """With `"stream": true` it is told as server-sent events."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    asked = parsed(ResponseBody, sent.body)
    earlier = await gateway.responses.earlier(caller.tenant_id, asked)
    body = chat_body(asked, earlier, partial(gateway.responses.open_thoughts, caller.tenant_id))
    admitted = gateway.completing.admit(replace(sent, body=orjson.dumps(body)))
    if asked.stream:
        words = ResponseWords(gateway, caller, asked)
        return EventStream(
            gateway.completing.stream(caller, words.named_by(sent), admitted), words, gateway.stream_times
        )
    answer = await gateway.completing.complete(caller, sent, admitted)
    telling = _telling(gateway, caller, asked, answer.inference_id)
    try:
        told_at_once(telling, answer.body)
    except BrokenStreamError as error:
        raise TallygateError("bad_response", f"the answer cannot be told as a response: {error}") from None
    if asked.is_kept:
        await gateway.responses.keep(caller.tenant_id, asked, answer.inference_id, telling)
    return json_response(telling.whole, 200, inference_headers(answer))


@router.get("/{response_id}")
@documented(gives=OpenAIResponse, fails=(404, 424))
async def show_response(request: Request, response_id: str) -> Response:
    """A response that is kept."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    found = await gateway.responses.kept(caller.tenant_id, response_id)
    return json_response(found["response"])


@router.get("/{response_id}/input_items")
@documented(gives=InputItems, fails=(404, 424))
async def list_input_items(request: Request, response_id: str) -> Response:
    """What a response was asked with, the newest first."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    items = list(reversed((await gateway.responses.kept(caller.tenant_id, response_id))["input"]))
    first, last = (items[0]["id"], items[-1]["id"]) if items else (None, None)
    return json_response({"object": "list", "data": items, "first_id": first, "last_id": last, "has_more": False})


@router.delete("/{response_id}")
@documented(gives=ResponseDeleted, fails=(404,))
async def delete_response(request: Request, response_id: str) -> Response:
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    await gateway.responses.delete(caller.tenant_id, response_id)
    return json_response({"id": response_id, "object": "response", "deleted": True})


def _telling(gateway: Gateway, caller: Caller, asked: ResponseBody, inference_id: UUID) -> Telling:
    wanted = THOUGHTS in (asked.include or ())
    seal_thoughts = partial(gateway.responses.seal_thoughts, caller.tenant_id) if wanted else None
    return Telling(asked, inference_id, int(time.time()), seal_thoughts)


class ResponseWords:
    """The `Words` of one `EventStream`. `named_by` must have been given to what begins the inference."""

    def __init__(self, gateway: Gateway, caller: Caller, asked: ResponseBody) -> None:
        self._gateway = gateway
        self._caller = caller
        self._asked = asked
        self._inference_id: UUID | None = None
        self._telling: Telling | None = None

    def named_by(self, sent: Sent) -> Sent:
        def named(name: Any, value: UUID) -> None:
            self._inference_id = value
            sent.named(name, value)

        return replace(sent, named=named)

    def chunks(self, chunks: bytes) -> bytes:
        return b"".join(self._begun()) + b"".join(
            _event(event) for line in chunks.split(b"\n") if line for event in self._known.add(orjson.loads(line))
        )

    async def end(self, answer: Answer) -> bytes:
        begun = b"".join(self._begun())
        telling = self._known
        last = b"".join(map(_event, telling.last_items()))
        if self._asked.is_kept:
            await self._gateway.responses.keep(self._caller.tenant_id, self._asked, answer.inference_id, telling)
        return begun + last + _event(telling.end())

    def failed(self, failed: InferenceFailedError) -> bytes:
        return b"".join(self._begun()) + _event(self._known.failed(failed.failure))

    @property
    def _known(self) -> Telling:
        if self._telling is None:
            if self._inference_id is None:
                raise RuntimeError("no inference has been begun")
            self._telling = _telling(self._gateway, self._caller, self._asked, self._inference_id)
        return self._telling

    def _begun(self) -> Iterator[bytes]:
        """The first events, before all others."""
        if self._telling is None:
            yield from map(_event, self._known.begin())


def _event(event: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (str(event["type"]).encode(), orjson.dumps(event))
