"""How an answer goes out: as bytes that are written well or badly, in pieces."""

import json
import random
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from tests.fuzz.answers.grammar import Event, Grammar

PAGES = (
    b"", b" ", b"<html><title>502 Bad Gateway</title></html>", b"<!DOCTYPE html><h1>Sign in</h1>", b"<" * 3000,
    b"upstream timed out", b"error code: 503", b"Too Many Requests", b"null", b"OK", b"\xef\xbb\xbf", b"\x00" * 50,
    b"{" * 5000, b"[" * 2000, b"data: ", b":\n\n", b"event: error\n\n",
)  # fmt: skip
_ODD_CALLS = re.compile(
    rb'"tool_calls":\s*\[|"function_call":\s*\{'
)  # the grammar makes them as odd ones do: in parts of any kind
_TYPES = ("application/json", "text/event-stream", "text/html", "text/plain", "application/octet-stream")


class Sent(NamedTuple):
    """pieces: of the body, none empty. is_good: a well-formed answer, which must be passed on."""

    status: int
    content_type: str
    pieces: tuple[bytes, ...]
    is_good: bool


def made(seed: int, wire_format: str, *, streamed: bool) -> Sent:
    rng = random.Random(seed)
    wild = rng.choice([0.0, 0.02, 0.1, 0.4])
    grammar = Grammar(rng, wild)
    kind = rng.choice(["answer"] * 7 + ["error", "junk", "page", "other"])
    answers = {"openai": grammar.plain_openai, "anthropic": grammar.plain_anthropic}
    streams = {"openai": grammar.stream_openai, "anthropic": grammar.stream_anthropic}
    is_stream = streamed if rng.random() < 0.9 else not streamed
    format_sent = wire_format
    if kind == "other":
        format_sent = rng.choice(list(answers))
    if kind == "page":
        body = rng.choice(PAGES)
    elif kind in ("error", "junk"):
        body = _json(rng, grammar.error() if kind == "error" else rng.choice([grammar.junk, grammar.plain_lists])())
    else:
        body = _events(rng, streams[format_sent]()) if is_stream else _json(rng, answers[format_sent]())
    is_good = wild == 0.0 and format_sent == wire_format and is_stream == streamed and kind in ("answer", "other")
    is_good = is_good and _ODD_CALLS.search(body) is None
    if wild and rng.random() < 0.3:
        body = _mutated(rng, body)
    status = 200 if is_good or rng.random() < 0.95 else rng.choice([201, 302, 400, 404, 413, 429, 500, 503, 529, 599])
    expected = "text/event-stream" if is_stream else "application/json"
    content_type = expected if is_good or rng.random() < 0.8 else rng.choice(_TYPES)
    return Sent(status, content_type, tuple(_pieces(rng, body)), is_good)


def _json(rng: random.Random, value: Any) -> bytes:
    written = json.dumps(value, ensure_ascii=False, indent=1 if rng.random() < 0.05 else None)
    try:
        return written.encode() if rng.random() < 0.5 else json.dumps(value).encode()
    except UnicodeEncodeError:  # halves of surrogate pairs are sent as escapes
        return json.dumps(value).encode()


def _events(rng: random.Random, events: Iterable[Event]) -> bytes:
    end, space = rng.choice(["\n", "\n", "\r\n", "\r"]).encode(), rng.choice([b" ", b""])
    lines: list[bytes] = []
    for event in events:
        data = event.data if isinstance(event.data, bytes) else _json(rng, event.data)
        if event.name:
            lines.append(b"event:" + space + event.name.encode())
        if rng.random() < 0.1:
            lines.append(rng.choice([b": a comment", b"id: 1", b"retry: 5", b"nonsense"]))
        lines += [b"data:" + space + line for line in data.replace(b"\r", b"\n").split(b"\n")]
        lines.append(b"")
    return end.join(lines) + rng.choice([end, end + end, b""])


def _mutated(rng: random.Random, body: bytes) -> bytes:
    """Cut, with other bytes in it, or with a part of it twice."""
    if len(body) < 2:
        return body
    at = rng.randrange(1, len(body))
    return rng.choice(
        [body[:at], body[:at] + rng.randbytes(3) + body[at + 1 :], body[:at] + body[at // 2 :], body + body[:at]]
    )


def _pieces(rng: random.Random, body: bytes) -> Iterable[bytes]:
    size = rng.choice([1, 7, 100, 4096, len(body) + 1]) if len(body) < 2000 else rng.choice([500, len(body)])
    return (body[at : at + size] for at in range(0, len(body), size))
