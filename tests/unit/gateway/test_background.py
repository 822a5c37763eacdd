"""What a gateway does with inferences in the background, on a broker and a database in memory."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from unittest import mock
from uuid import UUID

import orjson
import pytest

from services.gateway.background import responses as background_responses
from services.gateway.monitor_client import MonitorAnswer
from services.gateway.routes import inferences
from shared.crypto import SealedContext, open_sealed, seal
from shared.errors import failure
from shared.events import CancelRequested, InferenceRequested, ReplyCompleted, ReplyFailed, utc_now
from shared.events.inference import Settlement
from tests.support.gateway_app import NOW, Here, Told, gateway_here, told
from tests.unit.gateway.test_streams import FIRST, SECOND, Router
from tests.unit.shared.events.samples import INFERENCE
from tests.unit.shared.inferences.test_streams import FakeLane

_PATH = f"/api/inferences/{INFERENCE}"
_RESPONSE = f"/v1/responses/resp_{INFERENCE.hex}"
_CHAT: dict[str, Any] = {"model": "custom:m", "messages": [{"role": "user", "content": "hi"}]}
_ANSWER = orjson.dumps({"model": "m", "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]})
_HOUR = timedelta(hours=1)


async def post(here: Here, path: str, headers: Mapping[str, str] | None = None, **body: Any) -> Told:
    sent = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return await told(here, "POST", path, orjson.dumps(body), sent)


def requested(here: Here) -> list[InferenceRequested]:
    return [event for event in here.broker.events if isinstance(event, InferenceRequested)]


# Accepted


async def test_it_is_published_for_nobody_who_waits_and_its_result_is_to_be_kept() -> None:
    here = gateway_here()
    answer = await post(here, "/api/inferences", operation="chat", **_CHAT)
    (request,) = requested(here)
    assert answer.status == 202
    assert answer.headers["location"] == f"/api/inferences/{request.inference_id}"
    assert (request.store_result, request.is_awaited) == (True, False)
    assert request.deadline_at is not None
    assert request.deadline_at - request.accepted_at == _HOUR
    sealed = SealedContext("acme", "input", str(request.inference_id))
    assert orjson.loads(open_sealed(here.gateway.ring, sealed, request.sealed_input or "")) == _CHAT


@pytest.mark.parametrize(("asked_s", "granted_s"), [("60", 60), ("999999", 7200)])
async def test_its_deadline_is_the_callers_up_to_a_limit(asked_s: str, granted_s: int) -> None:
    here = gateway_here(max_background_deadline_s=7200)
    await post(here, "/api/inferences", {"x-tallygate-deadline-s": asked_s}, **_CHAT)
    (request,) = requested(here)
    assert request.deadline_at is not None
    assert request.deadline_at - request.accepted_at == timedelta(seconds=granted_s)


async def test_what_the_broker_did_not_ack_is_cancelled_and_not_kept() -> None:
    here = gateway_here()
    here.broker.away = True
    with mock.patch.object(here.gateway.background.store, "delete", mock.AsyncMock()) as deleted:
        answer = await post(here, "/api/inferences", stream=True, **_CHAT)
    assert (answer.status, answer.error_type) == (503, "unavailable")
    inference_id = UUID(answer.body["inference_id"])
    deleted.assert_awaited_once_with("acme", inference_id)
    here.broker.away = False
    async with asyncio.timeout(10):
        while not any(isinstance(event, CancelRequested) for event in here.broker.events):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        while here.pending.awaited(inference_id.bytes) is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_a_tenant_with_too_many_is_refused_and_nothing_is_published() -> None:
    here = gateway_here()
    with mock.patch.object(here.pool, "execute", mock.AsyncMock(return_value="INSERT 0 0")):
        answer = await post(here, "/api/inferences", **_CHAT)
    assert (answer.status, answer.error_type) == (429, "too_many_requests")
    assert "TALLYGATE_MAX_BACKGROUND_PER_TENANT" in str(answer.body["tips"])
    assert requested(here) == []


@pytest.mark.parametrize(
    ("body", "param"),
    [({"operation": "count_tokens"}, "operation"), ({"operation": 7}, "operation"), ({"operation": "rerank"}, "query")],
    ids=["no such", "no text", "of another"],
)
async def test_a_body_that_is_not_of_its_operation_is_refused(body: dict[str, Any], param: str) -> None:
    answer = await post(gateway_here(), "/api/inferences", **body)
    assert (answer.status, answer.body["param"]) == (400, param)


async def test_a_response_that_is_not_to_be_kept_cannot_be_asked_for_in_the_background() -> None:
    answer = await post(gateway_here(), "/v1/responses", model="custom:m", input="hi", background=True, store=False)
    assert (answer.status, answer.body["error"]["param"]) == (400, "store")


# Told


def kept(
    here: Here, operation: str, *, ended: bool, reply: ReplyCompleted | ReplyFailed | None = None, now: datetime = NOW
) -> None:
    """The database has this of the inference. reply: as its stored result. now: when it was accepted."""
    context = SealedContext("acme", "background_request", str(INFERENCE))
    request = seal(here.gateway.ring, context, orjson.dumps({"model": "custom:m", "input": "hi"}))
    ended_at = NOW if ended else None
    result = (None, None) if reply is None else (reply.ce_type, reply.model_dump_json().encode())
    row = (INFERENCE, "acme", operation, False, request, now, now + _HOUR, ended_at, now + _HOUR, *result)
    here.pool.answers = {"FROM gateway.background": [row], **here.pool.answers}


def completed(here: Here) -> ReplyCompleted:
    sealed = seal(here.gateway.ring, SealedContext("acme", "reply", str(INFERENCE)), _ANSWER)
    return ReplyCompleted(
        inference_id=INFERENCE, tenant_id="acme", sealed_body=sealed, model_served="custom:m", attempts=1
    )


def failed(settlement: Settlement) -> ReplyFailed:
    error = failure("cancelled" if settlement == "cancelled" else "server_error", "why")
    return ReplyFailed(inference_id=INFERENCE, tenant_id="acme", settlement=settlement, error=error)


async def ask(here: Here, state: str, method: str, path: str, *, settled_at: datetime | None = None) -> Told:
    """state: in the books. settled_at: just now, when nothing else is said."""
    at = None if state in ("accepted", "running") else settled_at or utc_now()
    body = orjson.dumps({"state": state, "settled_at": at, "error": None})
    answer = mock.AsyncMock(return_value=MonitorAnswer(200, body, "application/json"))
    with (
        mock.patch("services.gateway.monitor_client.ask_monitor", answer),
        mock.patch.object(inferences, "ask_monitor", answer),
        mock.patch.object(inferences, "_ON_ITS_WAY_S", 0.0),
        mock.patch.object(background_responses, "_ON_ITS_WAY_S", 0.0),
    ):
        return await told(here, method, path)


async def test_a_timeline_has_the_result() -> None:
    here = gateway_here()
    kept(here, "chat", ended=True, reply=completed(here))
    answer = await ask(here, "completed", "GET", _PATH)
    assert (answer.body["state"], answer.body["background"]) == ("completed", True)
    assert answer.body["result"] == orjson.loads(_ANSWER)


async def test_it_is_told_as_settled_only_with_its_result() -> None:
    here = gateway_here()
    kept(here, "chat", ended=False)
    answer = await ask(here, "completed", "GET", _PATH)
    assert (answer.body["state"], answer.body["result"]) == ("running", None)

    later = await ask(here, "completed", "GET", _PATH, settled_at=NOW)
    assert later.body["state"] == "completed"
    assert "not stored" in later.body["result"]["unreadable"], "what did not come for so long does not come"


async def test_a_result_that_is_gone_is_null() -> None:
    here = gateway_here()
    kept(here, "chat", ended=True)
    answer = await ask(here, "completed", "GET", _PATH)
    assert (answer.body["state"], answer.body["result"]) == ("completed", None)


async def test_a_result_that_cannot_be_opened_says_so_beside_its_timeline() -> None:
    here = gateway_here()
    kept(here, "chat", ended=True, reply=completed(gateway_here()))  # sealed by another ring
    answer = await ask(here, "completed", "GET", _PATH)
    assert answer.status == 200
    assert "cannot be opened" in answer.body["result"]["unreadable"]


@pytest.mark.parametrize(
    ("state", "status"),
    [("accepted", "queued"), ("running", "in_progress"), ("completed", "in_progress")],
)
async def test_a_response_that_has_not_ended_stands_as_the_books_say(state: str, status: str) -> None:
    here = gateway_here()
    kept(here, "responses", ended=False)
    answer = await ask(here, state, "GET", _RESPONSE)
    assert (answer.body["status"], answer.body["background"], answer.body["created_at"]) == (
        status, True, int(NOW.timestamp()),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("settlement", "status", "error"),
    [("failed", "failed", "server_error"), ("cancelled", "cancelled", None)],
)
async def test_a_response_that_failed_or_was_cancelled_says_so(
    settlement: Settlement, status: str, error: str | None
) -> None:
    here = gateway_here()
    kept(here, "responses", ended=True, reply=failed(settlement))
    answer = await ask(here, settlement, "GET", _RESPONSE)
    assert answer.body["status"] == status
    assert (answer.body["error"] or {}).get("error_type") == error


async def test_a_response_that_has_ended_is_told_while_the_books_are_away() -> None:
    here = gateway_here()
    kept(here, "responses", ended=True, reply=completed(here))
    answer = await told(here, "GET", _RESPONSE)
    assert answer.body["status"] == "completed"
    assert answer.body["output"][0]["content"][0]["text"] == "hi"


async def test_none_goes_on_from_a_response_that_has_not_ended() -> None:
    here = gateway_here()
    kept(here, "responses", ended=False)
    previous = f"resp_{INFERENCE.hex}"
    answer = await post(here, "/v1/responses", model="custom:m", input="hi", previous_response_id=previous)
    assert (answer.status, answer.body["error"]["param"]) == (400, "previous_response_id")
    assert "has not ended yet" in answer.body["error"]["message"]


# Followed


def events(body: bytes) -> list[tuple[str, Any]]:
    parts = [part.split(b"\n") for part in body.split(b"\n\n") if part.startswith(b"event: ")]
    return [(name.decode()[7:], orjson.loads(data[6:])) for name, data in parts]


async def test_who_follows_a_stream_late_is_told_its_chunks_from_the_first() -> None:
    here = gateway_here()
    await post(here, "/api/inferences", stream=True, **_CHAT)
    router = Router(here, requested(here)[0], FakeLane())
    assert router.request.is_awaited
    router.chunks(0, FIRST)
    request = router.request
    row = (
        request.inference_id,
        "acme",
        "chat",
        True,
        None,
        request.accepted_at,
        request.deadline_at,
        None,
        NOW,
        None,
        None,
    )
    here.pool.answers = {"FROM gateway.background": [row], **here.pool.answers}

    following = asyncio.create_task(ask(here, "running", "GET", f"/api/inferences/{request.inference_id}/events"))
    follows = here.pending.awaited(request.inference_id.bytes)
    assert follows is not None
    async with asyncio.timeout(10):
        while follows.stream is None or not follows.stream.readers:  # noqa: ASYNC110
            await asyncio.sleep(0)
    router.chunks(1, SECOND)
    router.completes(2)
    heard = events((await following).body)

    assert [name for name, _ in heard] == ["state", "chunk", "chunk", "settled"]
    assert [data for name, data in heard if name == "chunk"] == [orjson.loads(FIRST), orjson.loads(SECOND)]
    assert (heard[0][1]["state"], heard[-1][1]["state"]) == ("running", "completed")


async def test_when_the_gateway_stops_who_follows_is_not_told_that_the_inference_has_ended() -> None:
    here = gateway_here()
    kept(here, "chat", ended=False, now=utc_now())
    following = asyncio.create_task(ask(here, "running", "GET", f"{_PATH}/events"))
    async with asyncio.timeout(10):
        while here.pending.awaited(INFERENCE.bytes) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    following.cancel()  # as the server does with what is left
    heard = events((await following).body)
    assert [name for name, _ in heard] == ["state", "error"]
    assert heard[-1][1]["error_type"] == "unavailable"


async def test_a_stream_without_a_place_is_called_for_as_a_whole_answer() -> None:
    here = gateway_here(max_held_streams=1)
    for _ in range(2):
        await post(here, "/api/inferences", stream=True, **_CHAT)
    assert [request.is_awaited for request in requested(here)] == [True, False]
