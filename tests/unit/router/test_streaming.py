"""Streams of endpoints, good ones and bad ones: what is passed on, and what is told of the call."""

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import orjson
import pytest

from services.router.streaming import StreamTimes
from services.router.transport import CallFailedError, Transport
from shared.errors import Failure
from shared.guard import Guard
from shared.registry.secrets import ModelSecrets
from shared.wire import Question
from shared.wire.reading.streams import Chunk
from tests.unit.router.values import model

_GUARD = Guard((ipaddress.ip_network("127.0.0.0/8"),))
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_TIMES = StreamTimes(total_s=5.0, first_chunk_s=0.5, idle_s=0.5)
_HANG = b""  # instead of bytes: the endpoint sends no more and closes nothing


def _event(finish_reason: str | None = None, **delta: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return b"data: " + orjson.dumps({"model": "m", "choices": [choice]}) + b"\n\n"


_A = _event(content="a")
_END = _event("stop") + b"data: [DONE]\n\n"


@asynccontextmanager
async def _endpoint(pieces: Sequence[bytes]) -> AsyncIterator[int]:
    """Sends each piece by itself, whatever it is asked."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            for piece in pieces:
                if piece is _HANG:
                    await reader.read()
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            writer.close()
        except ConnectionError:
            pass

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _streamed(*pieces: bytes, times: StreamTimes = _TIMES) -> tuple[list[Chunk], Failure | None]:
    """What was passed on, and how the call failed, if it did."""
    transport = Transport(5.0, 100_000, _GUARD, 100_000)
    await transport.start()
    chunks: list[Chunk] = []
    try:
        async with _endpoint(pieces) as port:
            called = model(endpoint_url=f"http://127.0.0.1:{port}/v1")
            asked = Question({"messages": [], "stream": True})
            async with transport.stream(called, ModelSecrets("opensesame", {}), asked, "r", times) as stream:
                async for read in stream.reads():
                    for chunk in read:
                        chunks.append(chunk)  # noqa: PERF402 - those before an error count as well
                chunks += stream.last_chunks()
    except CallFailedError as error:
        return chunks, error.failure
    finally:
        await transport.stop()
    return chunks, None


def _text(chunks: Sequence[Chunk]) -> str:
    return "".join(
        choice["delta"].get("content", "") for chunk in chunks for choice in orjson.loads(chunk.data)["choices"]
    )


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([_HEAD, _event(content="aä"), _END], id="as it should be"),
        pytest.param([_HEAD, _event(content="aä") + _END], id="in one packet"),
        pytest.param([_HEAD, *(bytes((byte,)) for byte in _event(content="aä") + _END)], id="byte by byte"),
        pytest.param([_HEAD, (_event(content="aä") + _END).replace(b"\n", b"\r\n")], id="CRLF"),
        pytest.param([_HEAD, b": wait\n\n", _event(content="aä"), b":\n", _END], id="comments"),
        pytest.param([_HEAD, _event(content="aä"), _event("stop")], id="no last word"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n",
             '{"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"content":"aä"}}]}'.encode()],
            id="not streamed at all",
        ),
        pytest.param(
            [_HEAD, b' {"model":"m","choices":[{"finish_reason":"stop",', '"message":{"content":"aä"}}]}'.encode()],
            id="not streamed at all, whatever the header says",
        ),
        pytest.param([_HEAD, b"data:\n\n", _event(content="aä"), b"data: \n\n", _END], id="events of nothing"),
    ],
)  # fmt: skip
async def test_a_whole_answer_is_passed_on(pieces: list[bytes]) -> None:
    chunks, failed = await _streamed(*pieces)
    assert failed is None
    assert _text(chunks) == "aä"


_USAGE = b'"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}'
_WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param([_WHOLE, b'{"choices":[{"message":{"content":"a"}}],%s}' % _USAGE], id="not streamed"),
        pytest.param([_HEAD, _A, _event("stop"), b'data: {"choices":[],%s}\n\n' % _USAGE], id="in a chunk of its own"),
    ],
)
async def test_usage_is_told_once(pieces: list[bytes]) -> None:
    chunks, _ = await _streamed(*pieces)
    assert [bool(orjson.loads(chunk.data).get("usage")) for chunk in chunks].count(True) == 1


@pytest.mark.parametrize(
    ("pieces", "passed_on", "error_type", "detail"),
    [
        pytest.param([_HEAD, _A], "a", "stream_broken", "before the answer was whole", id="cut between events"),
        pytest.param([_HEAD, _A, _A[:9]], "a", "stream_broken", "before the answer was whole", id="cut in an event"),
        pytest.param([_HEAD], "", "stream_broken", "before the answer was whole", id="nothing"),
        pytest.param([_HEAD, _A, b"data: {\n\n"], "a", "stream_broken", "is not JSON", id="no JSON"),
        pytest.param([_HEAD, _HANG], "", "read_timeout", "sent nothing", id="silent before it"),
        pytest.param([_HEAD, _A, _HANG], "a", "read_timeout", "in the middle", id="silent in the middle"),
        pytest.param([_HEAD, *[b":\n\n"] * 9, _HANG], "", "read_timeout", "sent nothing", id="only comments"),
        pytest.param([_HEAD, b"data: " + b"x" * 150_000], "", "bad_response", "more than 100000", id="endless"),
        pytest.param([_HEAD, *[_event(content="a" * 9_000)] * 20], None, "bad_response", "more than 100000", id="many"),
        pytest.param(
            [_HEAD, _A, b'data: {"error": {"code": 429, "message": "slower"}}\n\n'], "a", "rate_limited", "slower",
            id="an error with its code",
        ),
        pytest.param(
            [_HEAD, _A, b'event: error\ndata: {"error":{"type":"overloaded_error","message":"busy"}}\n\n'], "a",
            "overloaded", "busy", id="an error with its type",
        ),
        pytest.param([_HEAD, _A, b"event: error\ndata: oops\n\n"], "a", "server_error", "oops", id="an error in words"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999\r\n\r\n", _A], "a",
            "stream_broken", "broke off", id="shorter than it said",
        ),
        pytest.param([_HEAD, b'{"detail": "slower", "code": 429}'], "", "rate_limited", "slower",
                     id="an error that is no event"),
        pytest.param([_HEAD, b"<html><title>503 Service Unavailable</title>", b"</html>"], "", "overloaded",
                     "503 Service Unavailable", id="a page"),
        pytest.param([_HEAD, b"error code: 503"], "", "overloaded", "error code: 503", id="a text"),
        pytest.param([_HEAD, b'data: {"object":"error","message":"slower","code":429}\n\n'], "", "rate_limited",
                     "slower", id="an error of vLLM"),
        pytest.param(
            [b"HTTP/1.1 429 No\r\ncontent-length: 2\r\n\r\n{}"], "", "rate_limited", "429", id="refused at once"
        ),
    ],
)  # fmt: skip
async def test_a_bad_stream_is_told_as_what_it_was(
    pieces: list[bytes], passed_on: str | None, error_type: str, detail: str
) -> None:
    chunks, failed = await _streamed(*pieces)
    assert failed is not None
    assert failed.error_type == error_type
    assert detail in failed.detail
    if passed_on is not None:
        assert _text(chunks) == passed_on


@pytest.mark.parametrize(
    ("pieces", "again"),
    [([_HEAD, _A], True), ([_HEAD, b"data: {\n\n"], False), ([_HEAD, b'{"choices": []}'], False)],
    ids=["a stream that was cut", "a stream in another form", "an answer in another form"],
)
async def test_what_cannot_be_read_for_its_form_is_not_called_again(pieces: list[bytes], again: bool) -> None:
    _, failed = await _streamed(*pieces)
    assert failed is not None
    assert (failed.retryable, failed.fallback) == (again, True)


async def test_the_time_of_the_whole_call_ends_a_stream_that_goes_on() -> None:
    _, failed = await _streamed(_HEAD, _A, _HANG, times=StreamTimes(0.3, 5.0, 5.0))
    assert failed is not None
    assert failed.error_type == "read_timeout"
