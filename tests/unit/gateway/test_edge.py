"""What a caller is told at the edge."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message
from structlog.testing import capture_logs

from services.gateway.edge import EdgeMiddleware, error_response
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError, failure
from shared.events import new_id
from shared.inferences import NotAcknowledgedError


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/codebase/chat"])
def test_a_503_after_the_publish_names_the_inference_and_invites_to_come_again(path: str) -> None:
    inference_id = new_id()
    error = NotAcknowledgedError(failure("unavailable", "no ack", retry_after_s=2.0), inference_id)
    request = Request({"type": "http", "method": "POST", "path": path, "headers": [], "query_string": b""})

    response = error_response(request, error.failure, error)

    body = orjson.loads(bytes(response.body))
    assert response.status_code == 503
    assert response.headers["x-tallygate-inference-id"] == str(inference_id)
    assert body.get("error", body)["inference_id"] == str(inference_id)
    assert response.headers["retry-after"] == "2"
    assert response.headers.get("x-should-retry") != "false"


CAUSES = [
    (RuntimeError("nobody foresaw it"), "internal"),
    (asyncpg.ReadOnlySQLTransactionError("x"), "unavailable"),
    (ConnectionResetError(), "unavailable"),
    (TallygateError("key_unreadable", "gone"), "key_unreadable"),
]


async def sent_by(chunks: AsyncIterator[bytes], media_type: str) -> list[Message]:
    """What the server is told to send when a route answers with these."""

    async def stream(_: Request) -> StreamingResponse:
        return StreamingResponse(chunks, media_type=media_type)

    async def database(_: Request, __: Exception) -> Response:
        return Response(status_code=503)

    handlers: Any = dict.fromkeys((*RETRYABLE, TallygateError), database)
    app = EdgeMiddleware(Starlette(routes=[Route("/", stream)], exception_handlers=handlers))
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", "root_path": ""}
    with capture_logs():
        await app(scope, receive, send)
    return messages


async def breaking_off(error: Exception, *before: bytes) -> AsyncIterator[bytes]:
    for chunk in before:
        yield chunk
    raise error


@pytest.mark.parametrize(("error", "error_type"), CAUSES)
@pytest.mark.parametrize("before", [(), (b"event: progress\ndata: {}\n\n",)])
async def test_an_error_in_an_event_stream_is_its_last_event(
    error: Exception, error_type: str, before: tuple[bytes, ...]
) -> None:
    start, *bodies = await sent_by(breaking_off(error, *before), "text/event-stream")
    assert start["type"] == "http.response.start"
    assert {message["type"] for message in bodies} == {"http.response.body"}
    name, data = bodies[-1]["body"].decode().removesuffix("\n\n").split("\n")
    assert name == "event: error"
    assert orjson.loads(data.removeprefix("data: "))["error_type"] == error_type
    assert not bodies[-1]["more_body"]


@pytest.mark.parametrize(("error", "error_type"), CAUSES)
async def test_an_error_in_lines_is_the_last_line(error: Exception, error_type: str) -> None:
    start, *bodies = await sent_by(breaking_off(error, b"{}\n"), "application/x-ndjson")
    assert start["status"] == 200
    assert {message["type"] for message in bodies} == {"http.response.body"}
    assert orjson.loads(bodies[-1]["body"])["error"]["error_type"] == error_type
    assert not bodies[-1]["more_body"]


async def test_what_has_no_form_for_errors_is_not_ended_as_if_it_were_whole() -> None:
    _, *bodies = await sent_by(breaking_off(ValueError(), b'{"a": '), "application/json")
    assert [message["body"] for message in bodies] == [b'{"a": ']
    assert bodies[-1]["more_body"]


async def test_who_waits_longer_than_a_server_that_stops_is_told_so() -> None:
    """The server cancels what is in hand when its time to stop is over."""

    async def waits(_: Request) -> Response:
        raise asyncio.CancelledError

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError

    scope = {"type": "http", "method": "GET", "path": "/v1/x", "headers": [], "query_string": b"", "root_path": ""}
    await EdgeMiddleware(Starlette(routes=[Route("/v1/x", waits)]))(scope, receive, send)
    assert (sent[0]["status"], dict(sent[0]["headers"])[b"retry-after"]) == (503, b"1")
    assert orjson.loads(sent[1]["body"])["error"]["code"] == "unavailable"
