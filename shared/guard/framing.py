"""How much an endpoint may send around its answer: interim answers and the framing of chunks cost time for nothing.

aiohttp reads any number of them until the call's time is over, and each read parses all that has come at once.
"""

from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.http_exceptions import HttpProcessingError

MAX_INTERIM_ANSWERS = 16  # 100 Continue, 103 Early Hints
MAX_FRAMING_BYTES = 128 * 1024  # beyond what the answer itself holds: heads, and the sizes of chunks


class BoundedHandler(ResponseHandler):
    """Ends the connection of an endpoint that sends more than it may; the call fails as one that is not HTTP."""

    def __init__(self, loop: Any) -> None:
        super().__init__(loop)
        self._interim = 0
        self._received = 0

    def feed_data(self, data: Any, size: int = 0) -> None:
        message, payload = data
        self._interim = self._interim + 1 if 100 <= message.code < 200 else 0
        super().feed_data((message, payload), size)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self.transport is None or self.transport.is_closing():
            return
        if (too_much := self._too_much()) is not None:
            self.transport.close()
            self.set_exception(HttpProcessingError(code=502, message=too_much))

    def resume_reading(self, resume_parser: bool = True) -> None:
        """aiohttp asks for it after each read, and parses an empty one then; there is nothing to resume mostly."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def set_response_params(self, **params: Any) -> None:
        """Called for each request on the connection."""
        self._interim = self._received = 0
        super().set_response_params(**params)

    def _too_much(self) -> str | None:
        if self._interim > MAX_INTERIM_ANSWERS:
            return f"more than {MAX_INTERIM_ANSWERS} interim answers"
        content = 0 if self._payload is None else self._payload.total_bytes
        if self._received - 2 * content > MAX_FRAMING_BYTES:
            return f"more than {MAX_FRAMING_BYTES} bytes that are no content"
        return None


def bounded(connector: aiohttp.TCPConnector) -> aiohttp.TCPConnector:
    """The connector, whose connections are read by BoundedHandler. aiohttp has no public way to say so."""
    connector._factory = partial(BoundedHandler, loop=connector._loop)  # type: ignore[assignment]
    return connector
