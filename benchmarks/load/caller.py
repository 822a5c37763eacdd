"""One caller over one kept-alive connection: sends, reads the whole answer, sends again.

There is no coroutine and no body per request: an HTTP client, ours (`shared/client`) too, would cost more CPU than
what is measured.
"""

import asyncio
from time import perf_counter
from typing import cast

import httptools

from benchmarks.load.tally import Tally


class Caller(asyncio.Protocol):
    def __init__(self, request: bytes, tally: Tally) -> None:
        self._request = request
        self._tally = tally
        self._parser = httptools.HttpResponseParser(self)
        self._sent_at = 0.0
        self._finished = False
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._send(self.transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._close()

    def on_message_complete(self) -> None:
        at = perf_counter()
        self._tally.answered(self._parser.get_status_code(), self._sent_at, at)
        if self._tally.goes_on(at) and self.transport is not None:
            self._send(self.transport)
        else:
            self._finished = True
            self._close()

    def connection_lost(self, _error: Exception | None) -> None:
        self._tally.lost += not self._finished
        if not self.closed.done():
            self.closed.set_result(None)

    def _send(self, transport: asyncio.Transport) -> None:
        self._sent_at = perf_counter()
        transport.write(self._request)

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.close()
