"""HTTP connections within bounds: no more than so many, none that is silent where something should come or go, and no
head without an end."""

import asyncio
from typing import Any, NamedTuple

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.errors import failure, render

_KEEP_ALIVE_S = 75  # longer than clients keep idle connections, so that none is closed under a request
_GRACEFUL_HTTP_S = 30  # requests in hand are answered before the service stops


class ConnectionLimits(NamedTuple):
    """most: connections of one process. head_timeout_s: for the head of a request, and for the rest of a body that is
    not read any more. stall_s: for a client that takes nothing of its answer. max_head_bytes: of the head of one
    request, and of its trailers."""

    most: int
    head_timeout_s: float
    stall_s: float
    max_head_bytes: int


def server_options(limits: ConnectionLimits) -> dict[str, Any]:
    """For `uvicorn.run`: how every service listens."""
    return {
        "http": bounded_protocol(limits),
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,  # who is connected is asked by nobody
        "server_header": False,
        "timeout_keep_alive": _KEEP_ALIVE_S,
        "timeout_graceful_shutdown": _GRACEFUL_HTTP_S,
    }


class BoundedProtocol(HttpToolsProtocol):
    """A connection beyond the most is closed at once, as is one that is silent for too long. Too large a
    head is answered 431."""

    limits: ConnectionLimits
    _due: asyncio.TimerHandle | None = None  # what the client sends next, when it is its turn
    _taken: asyncio.TimerHandle | None = None  # what waits to be taken by it
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.limits.most:
            transport.abort()
        else:
            self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        self._flows()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data) if self._in_head else 0
        super().data_received(data)
        if self._in_head and self._head_bytes > self.limits.max_head_bytes:
            self._refuse_head()
        elif self._due is None and (self.cycle is None or self.cycle.response_complete):
            self._expect()  # as after an empty line, which begins nothing

    def on_message_begin(self) -> None:
        self._expect()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += 0 if self._in_head else len(name) + len(value)  # of a trailer
        if self._head_bytes > self.limits.max_head_bytes and not self._in_head:
            self.transport.abort()
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._came()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._came()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body:
            self._expect()  # the rest of the body, which nobody reads

    def pause_writing(self) -> None:
        self._flows()
        self._taken = asyncio.get_running_loop().call_later(self.limits.stall_s, self.transport.abort)
        super().pause_writing()

    def resume_writing(self) -> None:
        self._flows()
        super().resume_writing()

    def _expect(self) -> None:
        self._came()
        self._due = asyncio.get_running_loop().call_later(self.limits.head_timeout_s, self.transport.abort)

    def _came(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _flows(self) -> None:
        if self._taken is not None:
            self._taken.cancel()
            self._taken = None

    def _refuse_head(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.write(_HEAD_TOO_LARGE)
            self.transport.close()
        else:  # it would stand before the answer to an earlier request, or in it
            self.transport.abort()


def bounded_protocol(limits: ConnectionLimits) -> type[asyncio.Protocol]:
    """For `uvicorn.run(http=...)`."""
    return type("Bounded", (BoundedProtocol,), {"limits": limits})


def _head_too_large() -> bytes:
    refusal = failure(
        "invalid_request", "the headers are too large", http_status=431, tips=("Send fewer or shorter headers.",)
    )
    body = orjson.dumps(render.problem(refusal))
    head = (
        "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body


_HEAD_TOO_LARGE = _head_too_large()
