"""One connection to the endpoint: a request, its answer, the next request. No coroutine, no copy, a timer per chunk."""

import asyncio
from dataclasses import dataclass, field
from time import monotonic_ns
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import httptools
import orjson

from benchmarks.endpoint.behaviour import Behaviour, StreamBytes, answer, json_response

_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"


@dataclass(slots=True)
class Ledger:
    """request_ids: `x-request-id` of every completion that was asked for. open: not answered yet."""

    request_ids: list[str | None] = field(default_factory=list)
    open: int = 0

    def told(self, since: int | None) -> dict[str, object]:
        counts: dict[str, object] = {"total": len(self.request_ids), "open": self.open}
        return counts if since is None else counts | {"request_ids": self.request_ids[since:]}


class Connection(asyncio.Protocol):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_answering = False
        self._url, self._body = b"", b""
        self._request_id: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, _error: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        self._answered()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._close()

    def on_message_begin(self) -> None:
        self._url, self._body, self._request_id = b"", b"", None

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"x-request-id":
            self._request_id = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"POST":
            self._complete()
        else:
            self._write(json_response(orjson.dumps(self._told())))

    def _told(self) -> dict[str, object]:
        url = urlsplit(self._url.decode("latin-1"))
        if url.path != "/ledger":
            return {"object": "list", "data": []}
        since = parse_qs(url.query).get("since")
        return self._ledger.told(int(since[0]) if since else None)

    def _complete(self) -> None:
        try:
            asked = orjson.loads(self._body)
            model: str = asked["model"]
            behaviour = Behaviour.of(model)
        except (ValueError, KeyError, TypeError):
            self._write(_BAD_REQUEST)
            return
        self._ledger.request_ids.append(self._request_id)
        self._ledger.open += 1
        self._is_answering = True
        number = len(self._ledger.request_ids)
        if asked.get("stream"):
            stream = _Stream(StreamBytes(number, model), behaviour, self._loop.time() + behaviour.after_s)
            self._send_at(stream.starts_at, stream)
        elif behaviour.after_s:
            self._timer = self._loop.call_later(behaviour.after_s, self._answer, asked, number, model)
        else:
            self._answer(asked, number, model)

    def _answer(self, asked: dict[str, Any], number: int, model: str) -> None:
        self._answered()
        self._write(answer(asked, number, model))

    def _send_at(self, at: float, stream: "_Stream") -> None:
        self._timer = self._loop.call_at(at, self._send, stream)

    def _send(self, stream: "_Stream") -> None:
        self._write(stream.next_bytes())
        if stream.next_at is None:
            self._answered()
        else:
            self._send_at(stream.next_at, stream)

    def _answered(self) -> None:
        self._ledger.open -= self._is_answering
        self._is_answering = False

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Stream:
    """One stream's place in its schedule, which does not drift: a chunk that is late does not delay the next ones."""

    def __init__(self, pieces: StreamBytes, behaviour: Behaviour, starts_at: float) -> None:
        self._pieces = pieces
        self._behaviour = behaviour
        self._sequence = 0
        self.starts_at = starts_at

    @property
    def next_at(self) -> float | None:
        """None when all is sent."""
        is_over = self._sequence > self._behaviour.chunks
        return None if is_over else self.starts_at + self._sequence / self._behaviour.per_s

    def next_bytes(self) -> bytes:
        sequence = self._sequence
        self._sequence += 1
        return (
            self._pieces.end() if sequence == self._behaviour.chunks else self._pieces.chunk(sequence, monotonic_ns())
        )
