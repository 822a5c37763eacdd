"""HTTP connections within bounds: no more than so many, and none that is silent where a request should come."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


def bounded_protocol(most: int, header_timeout_s: float) -> type[asyncio.Protocol]:
    """A protocol for `uvicorn.run(http=...)`. A connection beyond `most` is closed at once; so is one of which the head
    of a request has not come header_timeout_s after it was opened, or after the head began."""

    class BoundedProtocol(HttpToolsProtocol):
        _head_due: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            if len(self.connections) > most:
                transport.abort()
            else:
                self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_came()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._expect_head()
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._head_came()
            super().on_headers_complete()

        def _expect_head(self) -> None:
            self._head_came()
            self._head_due = asyncio.get_running_loop().call_later(header_timeout_s, self.transport.abort)

        def _head_came(self) -> None:
            if self._head_due is not None:
                self._head_due.cancel()

    return BoundedProtocol
