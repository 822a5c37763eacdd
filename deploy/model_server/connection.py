"""One client's connection: reads requests as they come, answers them in their order."""

import asyncio
import socket
import struct
from collections import deque
from typing import cast

import httptools

from deploy.model_server import errors, http1, plan
from deploy.model_server.completions import OPENAI, Exchange
from deploy.model_server.http1 import Request
from deploy.model_server.plan import Ending
from deploy.model_server.service import Service

# On, with no time to linger: closing drops what is unsent and sends a reset.
LINGER_NONE = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """Requests may be pipelined: each is received at once, and answered when those before it are."""

    def __init__(self, service: Service, connections: set["Connection"]) -> None:
        self._service = service
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._received: list[Request] = []
        self._waiting: deque[Exchange] = deque()
        self._current: Exchange | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed_by_us = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports act as asyncio's, and are not of their class.
        self._transport = cast(asyncio.Transport, transport)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        valid = self._parse(data)
        received, self._received = self._received, []
        self._waiting.extend(map(self._service.receive, received))
        self._answer_waiting()
        if not valid:
            self._refuse()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, _exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._task is not None:
            self._task.cancel()
        unanswered = [*self._waiting] if self._current is None else [self._current, *self._waiting]
        for exchange in unanswered:
            if exchange.entry is not None:
                self._service.ledger.ended(exchange.entry, aborted_by_client=not self._closed_by_us)
        self._waiting.clear()
        self._current = None

    def _parse(self, data: bytes) -> bool:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return False
        return True

    # What the parser calls.

    def on_message_begin(self) -> None:
        self._request = Request()
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self._request.headers.get(b"expect", b"").lower() == b"100-continue":
            self._transport.write(http1.CONTINUE)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._request.method = self._parser.get_method().decode("ascii")
        self._request.body = b"".join(self._body)
        # Every answer has a body, after which a client that asked for none would be out of step.
        self._request.keep_alive = self._parser.should_keep_alive() and self._request.method != "HEAD"
        self._received.append(self._request)

    # Answering.

    def abort(self) -> None:
        self._closed_by_us = True
        self._transport.abort()

    def _refuse(self) -> None:
        error = OPENAI.error(errors.invalid_request("The request is not valid HTTP."))
        if self._current is None:
            self._transport.write(plan.whole(400, http1.JSON, error).first)
        self._close()

    def _answer_waiting(self) -> None:
        while self._current is None and self._waiting and not self._closed_by_us:
            self._current = self._waiting.popleft()
            if self._current.plan.ending is Ending.HANG:
                return
            if self._current.plan.at_once:
                self._begin(self._current)
                self._end(self._current)
            else:
                self._task = asyncio.create_task(self._answer_slowly(self._current))

    async def _answer_slowly(self, exchange: Exchange) -> None:
        await asyncio.sleep(exchange.plan.delay_s)
        self._begin(exchange)
        for piece in exchange.plan.rest:
            await asyncio.sleep(exchange.plan.pause_s)
            self._transport.write(piece)
            await self._writable.wait()
        self._end(exchange)
        self._answer_waiting()

    def _begin(self, exchange: Exchange) -> None:
        if exchange.plan.first:
            self._transport.write(exchange.plan.first)
        if exchange.entry is not None and exchange.plan.status is not None:
            self._service.ledger.sent(exchange.entry, exchange.plan.status)

    def _end(self, exchange: Exchange) -> None:
        self._current = self._task = None
        if exchange.entry is not None:
            self._service.ledger.ended(exchange.entry, finished=exchange.plan.ending is Ending.DONE)
        if exchange.plan.ending is Ending.RESET:
            self._reset()
        elif exchange.plan.ending is Ending.CUT or not exchange.keep_alive:
            self._close()

    def _close(self) -> None:
        self._closed_by_us = True
        self._transport.close()

    def _reset(self) -> None:
        raw = self._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        self.abort()
