"""Whatever an endpoint streams, reading it costs a moment of the loop at a time, and ends in a typed failure."""

import asyncio
import gzip
import time

import pytest

from services.router.streaming import StreamTimes
from services.router.transport import CallFailedError, Transport
from shared.guard import Guard
from shared.registry.secrets import ModelSecrets
from shared.wire import Question, WireFormat
from tests.support.cpu_time import cpu_time
from tests.unit.router.test_hostile_answers import _LOOPBACK, many, serving
from tests.unit.router.values import model

_MOST_S = 5.0  # of CPU between two turns of the loop; measured: 0.06, on a busy machine ten times that
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
_ZIPPED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n"
_CHOICE = b'{"index":0,"delta":{"content":"x"}}'

HOSTILE: dict[str, tuple[WireFormat, bytes, str]] = {
    "one line of 10 MB": ("openai", _HEAD + b"data: " + b"x" * 10_000_000, "bad_response"),
    "one event of many lines": ("openai", _HEAD + b"data: x\n" * 1_000_000, "bad_response"),
    "values": ("openai", _HEAD + many(b"[]", b'data: {"choices":[],"x":[', b"]}\n\n"), "stream_broken"),
    "depth": ("openai", _HEAD + b"data: " + b"[" * 3_000_000 + b"\n\n", "stream_broken"),
    "choices": ("openai", _HEAD + many(_CHOICE, b'data: {"choices":[', b"]}\n\n"), "stream_broken"),
    "empty lines": ("openai", _HEAD + b"\n" * 1_000_000, "stream_broken"),
    "comments": ("openai", _HEAD + b":\n\n" * 300_000, "stream_broken"),
    "empty chunks": ("openai", _HEAD + b"data: {}\n\n" * 100_000, "stream_broken"),
    "pings": ("anthropic", _HEAD + b'data: {"type":"ping"}\n\n' * 50_000, "stream_broken"),
    "gzip": ("openai", _ZIPPED + gzip.compress(b"x" * 100_000_000), "bad_response"),
    "a stream of bytes": ("openai", _HEAD + bytes(1_000_000), "stream_broken"),
}


async def _called(wire_format: WireFormat, port: int) -> tuple[str, float]:
    """How the call ends, and the longest time of CPU between two turns of the loop."""
    transport = Transport(5.0, 3_500_000, Guard(_LOOPBACK))
    await transport.start()
    asked = model(endpoint_url=f"http://127.0.0.1:{port}/v1", wire_format=wire_format)
    watching = asyncio.create_task(_longest_turn())
    times = StreamTimes(60.0, 60.0, 60.0)
    ended = "completed"
    try:
        async with transport.stream(
            asked, ModelSecrets(None, {}), Question({"messages": [{"role": "user", "content": "hi"}]}), "r-1", times
        ) as stream:
            async for chunks in stream.reads():
                for _ in chunks:
                    pass
    except CallFailedError as error:
        ended = error.failure.error_type
    watching.cancel()
    await transport.stop()
    return ended, (await asyncio.gather(watching, return_exceptions=True))[0]  # type: ignore[return-value]


async def _longest_turn() -> float:
    longest = 0.0
    began = time.thread_time()
    try:
        while True:
            await asyncio.sleep(0)
            now = time.thread_time()
            longest, began = max(longest, now - began), now
    except asyncio.CancelledError:
        return longest


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_stream_costs_a_moment_at_a_time_and_is_typed(name: str) -> None:
    wire_format, said, error_type = HOSTILE[name]
    with serving(said) as port, cpu_time():
        ended, longest_s = asyncio.run(_called(wire_format, port))
    assert ended == error_type
    assert longest_s < _MOST_S
