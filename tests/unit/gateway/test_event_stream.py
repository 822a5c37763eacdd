"""The words in which a stream is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from starlette.types import Message
from structlog.testing import capture_logs

from services.gateway.edge import EdgeMiddleware
from services.gateway.event_stream import ChatWords, EventStream, StreamTimes
from services.gateway.inference.completing import Streamed
from shared.inferences import Answer
from shared.lane.payloads import Chunks
from tests.unit.shared.events.samples import INFERENCE
from tests.unit.shared.inferences.test_streams import LANE, by_lane, incoming

A, B = b'{"choices":[{"delta":{"content":"a"}}]}', b'{"choices":[{"delta":{"content":"b"}}]}'


@pytest.mark.parametrize(
    "usage", [b'{"choices":[],"usage":{"total_tokens":3}}', b'{ "usage" : { "total_tokens": 3 }, "choices" : [ ] }']
)
def test_the_usage_is_left_out_where_nobody_asked_for_it(usage: bytes) -> None:
    plain, asked = ChatWords(include_usage=False), ChatWords(include_usage=True)
    assert plain.chunks(A + b"\n" + usage) == b"data: " + A + b"\n\n"
    assert plain.chunks(usage) == b""
    assert asked.chunks(A + b"\n" + usage) == b"data: " + A + b"\n\ndata: " + usage + b"\n\n"


@pytest.mark.parametrize(
    "chunk",
    [
        b'{"choices":[{"delta":{"content":"a"}}],"usage":{"total_tokens":3}}',
        b'{"choices":[{"delta":{"tool":{"usage":{"n":1}}}}]}',
        b'{"choices":[],"usage":null}',
    ],
)
def test_other_chunks_that_speak_of_usage_are_told(chunk: bytes) -> None:
    assert ChatWords(include_usage=False).chunks(chunk) == b"data: " + chunk + b"\n\n"


async def test_what_nobody_foresaw_in_the_middle_is_told_in_the_words_of_the_stream() -> None:
    class Failing(ChatWords):
        async def end(self, _answer: Answer) -> bytes:
            raise RuntimeError("nobody foresaw it")

    stream = incoming()
    reader = stream.reader()
    stream.take(Chunks(1, 0, A), LANE)
    stream.end(by_lane(1))

    @asynccontextmanager
    async def streamed() -> AsyncIterator[Streamed]:
        yield Streamed(INFERENCE, reader, False, lambda: None)

    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    answer = EventStream(streamed(), Failing(include_usage=False), StreamTimes(15.0, 20.0))
    scope: Any = {"type": "http", "method": "POST", "path": "/v1/chat/completions", "headers": [], "query_string": b""}
    with capture_logs() as logs:
        await EdgeMiddleware(answer)(scope, receive, send)
    assert [entry["event"] for entry in logs] == ["request.failed"]
    assert messages[1]["body"] == b"data: " + A + b"\n\n"
    error = orjson.loads(messages[2]["body"].removeprefix(b"data: "))["error"]
    assert (error["code"], error["inference_id"]) == ("internal", str(INFERENCE))
    assert not messages[2]["more_body"]
