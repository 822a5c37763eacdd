"""Whatever an endpoint answers, reading it costs a router's event loop a moment, and ends in a typed failure."""

import asyncio
import gzip
import ipaddress
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from services.router.transport import CallFailedError, Transport
from shared.guard import Guard
from shared.registry.secrets import ModelSecrets
from shared.wire import Question, WireFormat
from shared.wire.chat_by_messages.exchange import ChatByMessages
from shared.wire.plain.chat import PlainChat
from shared.wire.reading.completions import MAX_CHOICES, MAX_VALUES, NotACompletionError
from tests.support.cpu_time import cpu_time
from tests.unit.router.values import holds_all, model

_BYTES = 3_400_000
_MOST_S = 5.0  # of CPU; measured: 0.05, on a busy machine ten times that. What is not linear takes minutes
_LOOPBACK = (ipaddress.ip_network("127.0.0.0/8"),)

_CHOICE = b'{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}'
_TOOL = b'{"type":"tool_use","id":"i","name":"n","input":{"a":1}}'
_DEEP_TOOL = b'{"type":"tool_use","id":"i","name":"n","input":' + b'{"a":' * 200 + b"1" + b"}" * 201


def many(item: bytes, before: bytes, after: bytes) -> bytes:
    return before + b",".join([item] * ((_BYTES - 100) // (len(item) + 1))) + after


def answer(body: bytes, status: bytes = b"200 OK", header: bytes = b"") -> bytes:
    return b"HTTP/1.1 %s\r\n%scontent-length: %d\r\n\r\n%s" % (status, header, len(body), body)


_CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
_OK = answer(b'{"choices":[%s]}' % _CHOICE)

HOSTILE: dict[str, tuple[WireFormat, bytes, str]] = {
    "choices": ("openai", answer(many(_CHOICE, b'{"choices":[', b"]}")), "bad_response"),
    "lists": ("openai", answer(many(b"[]", b'{"choices":[{}],"x":[', b"]}")), "bad_response"),
    "members": ("openai", answer(many(b'"a":1', b'{"choices":[{}],"x":{', b"}}")), "bad_response"),
    "numbers": ("openai", answer(many(b"1", b'{"choices":[', b"]}")), "bad_response"),
    "depth": ("openai", answer(b"[" * _BYTES), "bad_response"),
    "tools": ("anthropic", answer(many(_TOOL, b'{"content":[', b"]}")), "bad_response"),
    "deep tools": ("anthropic", answer(many(_DEEP_TOOL, b'{"content":[', b"]}")), "bad_response"),
    "deep error": ("openai", answer(b'{"error":{"message":' + b'{"a":' * 9000, b"500 x"), "server_error"),
    "members of an error": ("openai", answer(many(b'"a":1', b'{"error":{', b"}}"), b"500 x"),
                            "server_error"),
    "large error": ("openai", answer(b"x" * 30_000_000, b"500 x"), "server_error"),
    "gzip": ("openai", answer(gzip.compress(b"x" * 100_000_000), header=b"content-encoding: gzip\r\n"), "bad_response"),
    "gzip of an error": ("openai", answer(gzip.compress(b"x" * 100_000_000), b"500 x", b"content-encoding: gzip\r\n"),
                         "server_error"),
    "one byte at a time": ("openai", _CHUNKED + b"1\r\nx\r\n" * 500_000, "stream_broken"),
    "heads": ("openai", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 500_000 + b"\r\n", "bad_response"),
    "long head": ("openai", b"HTTP/1.1 200 OK\r\na: " + b"x" * 5_000_000 + b"\r\n\r\n", "bad_response"),
    "interim answers": ("openai", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 300_000 + _OK, "bad_response"),
    "trailers": ("openai", _CHUNKED + b"2\r\n{}\r\n0\r\n" + b"a: b\r\n" * 500_000 + b"\r\n", "bad_response"),
    "chunk extension": ("openai", _CHUNKED + b"1;" + b"x" * 5_000_000, "stream_broken"),
    "redirect": ("openai", answer(b"", b"302 x", b"location: http://127.0.0.1/%s\r\n" % (b"a" * 7000)),
                 "endpoint_not_found"),
}  # fmt: skip


@contextmanager
def serving(said: bytes) -> Iterator[int]:
    """The port of a server in a thread of its own, whose work is not the router's."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        connection.recv(65536)
                        connection.sendall(said)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


async def called(wire_format: WireFormat, port: int) -> str:
    """How the call ends: its error type, or "completed"."""
    transport = Transport(5.0, 3_500_000, Guard(_LOOPBACK))
    await transport.start()
    asked = model(endpoint_url=f"http://127.0.0.1:{port}/v1", wire_format=wire_format)
    try:
        await transport.complete(
            asked,
            ModelSecrets(None, {}),
            Question({"messages": [{"role": "user", "content": "hi"}]}),
            "r-1",
            20.0,
            holds_all,
        )
    except CallFailedError as error:
        return error.failure.error_type
    finally:
        await transport.stop()
    return "completed"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_costs_a_moment_and_is_typed(name: str) -> None:
    wire_format, said, error_type = HOSTILE[name]
    with serving(said) as port, cpu_time() as spent:
        ended = asyncio.run(called(wire_format, port))
        took = spent()

    assert ended == error_type
    assert took < _MOST_S


@pytest.mark.parametrize("interim", [0, 1, 16])
def test_interim_answers_are_passed_over_as_long_as_they_are_few(interim: int) -> None:
    with serving(b"HTTP/1.1 103 Early Hints\r\n\r\n" * interim + _OK) as port:
        assert asyncio.run(called("openai", port)) == "completed"


def test_an_answer_in_chunks_of_a_few_bytes_is_read() -> None:
    body = b'{"choices":[%s],"x":"%s"}' % (_CHOICE, b"x" * 500_000)
    parts = [body[begin : begin + 16] for begin in range(0, len(body), 16)]
    said = _CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    with serving(said) as port:
        assert asyncio.run(called("openai", port)) == "completed"


def test_the_likeliest_tokens_of_an_answer_of_the_largest_size_are_read() -> None:
    likely = b'{"token":" the","logprob":-0.0123456,"bytes":[32,116,104,101]}'
    token = b'{"token":" the","logprob":-0.01,"bytes":[32],"top_logprobs":[%s]}' % b",".join([likely] * 20)
    body = many(token, b'{"choices":[{"message":{"content":"x"},"logprobs":{"content":[', b"]}}]}")
    assert PlainChat().completion(body).read.text == "x"


def test_an_answer_of_more_parts_than_any_model_makes_is_none() -> None:
    choices = b'{"choices":[%s]}' % b",".join([_CHOICE] * (MAX_CHOICES + 1))
    blocks = b'{"content":[%s]}' % b",".join([_TOOL] * (MAX_CHOICES + 1))
    values = b'{"choices":[%s],"x":[%s]}' % (_CHOICE, b",".join([b"[]"] * MAX_VALUES))
    for dialect, body in ((PlainChat(), choices), (ChatByMessages(), blocks), (PlainChat(), values)):
        with pytest.raises(NotACompletionError, match="more than"):
            dialect.completion(body)
