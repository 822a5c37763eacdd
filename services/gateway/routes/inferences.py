"""/api/inferences: begun in the background; of each its timeline, from the books, its result and its cancellation.

The monitor books what is on the topics before it says that it knows nothing of an inference, or that it is open, so
every gateway knows what another one has accepted.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import orjson
from fastapi import APIRouter, Request, Response

from services.gateway.answers.monitoring import BackgroundAccepted, BackgroundList, Cancelling, Timeline
from services.gateway.background.asking import BackgroundBody, admit, operation_and_request
from services.gateway.background.background import Outcome
from services.gateway.background.following import EventWords
from services.gateway.background.responses import OPERATION
from services.gateway.background.schemas import BackgroundQuery
from services.gateway.background.shown import listed_background
from services.gateway.background.store import Kept
from services.gateway.background.telling import whole
from services.gateway.bodies import validated
from services.gateway.edge import json_response, traceparent
from services.gateway.event_stream import EventStream, Following
from services.gateway.gateway import Gateway, gateway_of
from services.gateway.headers import INFERENCE_HEADER, LOCATION_HEADER, REPLAYED_HEADER
from services.gateway.inference.completing import Streamed
from services.gateway.monitor_client import MonitorAnswer, ask_monitor, state_of
from services.gateway.routes.documented import EVENTS, documented
from services.gateway.routes.lists import INFERENCES
from shared.client.requests import BACKGROUND
from shared.errors import TallygateError, failure, render
from shared.events import utc_now
from shared.inferences import Answer

router = APIRouter(tags=["inference"])

_VERSION = 7  # of the UUIDs that inferences have
_ON_ITS_WAY_S = 3.0  # from the settlement in the books to the stored result
_LOST_AFTER = timedelta(seconds=60)  # the result is on its topic before the settlement is
_LOST = "the inference has ended, and its result was not stored; the dead letters may say why"
_CHUNKED = {"chat", "messages", "completions"}


@router.post(INFERENCES)
@documented(infers="asked", takes=BackgroundBody, gives={202: BackgroundAccepted})
async def begin_inference(request: Request) -> Response:
    """In the background: it is answered when the inference is accepted. The result is kept, and told by its id,
    whichever gateway is asked, and whoever has died meanwhile (docs/background.md)."""
    gateway = gateway_of(request)
    caller, sent = await gateway.asked(request)
    operation, asked = operation_and_request(sent.body)
    if operation == "responses":
        begun, _ = await gateway.background_responses.begin(caller, sent, asked)
    else:
        admitted = admit(operation, asked, sent.headers, utc_now(), gateway.background.deadlines)
        begun = await gateway.background.begin(caller, sent, operation, admitted)
    path = _path(begun.inference_id)
    accepted = {
        "inference_id": str(begun.inference_id),
        "state": "accepted",
        "operation": operation,
        "accepted_at": begun.accepted_at.isoformat(),
        "deadline_at": begun.deadline_at.isoformat(),
        "links": {"status": path, "events": f"{path}/events"},
    }
    headers = {LOCATION_HEADER: path, INFERENCE_HEADER: str(begun.inference_id)}
    return json_response(accepted, 202, headers | ({REPLAYED_HEADER: "true"} if begun.replayed else {}))


@router.get(BACKGROUND)
@documented(query=BackgroundQuery, gives=BackgroundList)
async def background_inferences(request: Request) -> Response:
    """Those begun in the background, the newest first, for as long as their results are kept. `next_cursor` goes on,
    with the same query."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    query = validated(BackgroundQuery, dict(request.query_params))
    is_open = None if query.state is None else query.state == "open"
    rows = await gateway.background.store.page(caller.tenant_id, query.cursor, is_open, query.limit + 1)
    items = [listed_background(row) for row in rows[: query.limit]]
    more = len(rows) > query.limit
    return json_response({"items": items, "next_cursor": items[-1]["inference_id"] if more else None})


@router.get("/api/inferences/{inference_id}")
@documented(gives=Timeline, fails=(404,))
async def inference(request: Request, inference_id: str) -> Response:
    """Of one in the background, what is told as settled has its `result` too, while that is kept."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    known_id = _parsed(inference_id)
    answer = await ask_monitor(gateway.monitor, request, _path(known_id))
    kept = await gateway.background.kept(caller.tenant_id, known_id) if answer.status == 200 else None
    return _passed_on(answer) if kept is None else json_response(await _with_result(gateway, answer, kept))


@router.get("/api/inferences/{inference_id}/events")
@documented(gives=str, streams=(EVENTS,), limited=True, fails=(404,))
async def inference_events(request: Request, inference_id: str) -> Response:
    """Of an inference in the background, as server-sent events: `state`, at once and when it changes; `chunk` for each
    chunk, from the first, where `"stream": true` was asked for; at last `settled`, with the error, or with the `result`
    that no chunks have told. Who leaves can come back."""
    gateway = gateway_of(request)
    caller = await gateway.caller(request, "inference")
    gateway.admit(request, caller)
    known_id = _parsed(inference_id)
    kept = await gateway.background.kept(caller.tenant_id, known_id)
    if kept is None or kept.is_gone:
        raise _not_in_background(inference_id)
    ask = partial(state_of, gateway.monitor, request, known_id)
    state = "running" if kept.has_ended or await ask() != "accepted" else "accepted"
    chunks = kept.streamed and kept.operation in _CHUNKED
    words = EventWords(kept, state, None if chunks else partial(_told_at_the_end, gateway, kept))

    @asynccontextmanager
    async def followed() -> AsyncIterator[Streamed]:
        async with gateway.background.following(kept, chunks=chunks) as streamed:
            watching = asyncio.create_task(words.watch(ask, streamed.chunks.wake), name="state")
            try:
                yield streamed
            finally:
                watching.cancel()

    return EventStream(followed(), words, gateway.stream_times, Following(words.broken, words.silence, at_once=True))


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


async def _told_at_the_end(gateway: Gateway, kept: Kept, answer: Answer) -> Any:
    """The result, of an answer that is stored."""
    if kept.operation != OPERATION:
        return orjson.Fragment(whole(kept.operation, "completion", answer.body))
    found = await gateway.background.kept(kept.tenant_id, kept.inference_id)
    outcome = None if found is None else gateway.background.outcome(found)
    return None if found is None or outcome is None else await _result(gateway, found, outcome)


async def _with_result(gateway: Gateway, answer: MonitorAnswer, kept: Kept) -> dict[str, Any]:
    """The timeline, and what a background inference has more. It is told as settled when its result can be told."""
    told: dict[str, Any] = orjson.loads(answer.body)
    found: Kept | None = kept
    if told["settled_at"] is not None and not kept.has_ended:
        found = await gateway.background.until_stored(kept, _ON_ITS_WAY_S)
    outcome = None if found is None else gateway.background.outcome(found)
    is_missing = found is not None and not found.has_ended and told["settled_at"] is not None
    is_lost = is_missing and utc_now() - datetime.fromisoformat(told["settled_at"]) > _LOST_AFTER
    if outcome is not None:
        told["state"] = outcome.settlement
    elif is_missing and not is_lost:
        told["state"] = "running"
    result: Any = {"unreadable": _LOST} if is_lost and told["state"] == "completed" else None
    if found is not None and outcome is not None and outcome.failed is None:
        result = await _result(gateway, found, outcome)
    elif outcome is not None and outcome.settlement == "completed" and outcome.failed is not None:
        result = {"unreadable": outcome.failed.failure.detail}
    kept_until = (found or kept).kept_until.isoformat()
    return told | {"background": True, "result": result, "result_kept_until": kept_until}


async def _result(gateway: Gateway, kept: Kept, outcome: Outcome) -> Any:
    """What cannot be told is told as such: the timeline is worth knowing all the same."""
    try:
        if kept.operation == OPERATION:
            return await gateway.background_responses.ended(kept, outcome)
        return orjson.Fragment(await gateway.background.told(kept, outcome))
    except TallygateError as error:
        return {"unreadable": error.failure.detail}


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


def _not_in_background(inference_id: str) -> TallygateError:
    tips = (f"How any inference went: tallygate show {inference_id:.80}", "Results are kept for a time only.")
    detail = f"there is no inference {inference_id!r:.80} in the background whose answer is awaited or kept"
    return TallygateError("invalid_request", detail, http_status=404, tips=tips)


def _parsed(inference_id: str) -> UUID:
    with suppress(ValueError):
        if (known := UUID(inference_id)).version == _VERSION:
            return known
    raise TallygateError("invalid_request", f"the inference id is not a UUIDv{_VERSION}", http_status=404)
