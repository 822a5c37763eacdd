"""One streamed answer of an endpoint: bytes in, chunks out, each within its time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import aiohttp
import orjson

from shared.wire import Completion, Dialect
from shared.wire.collected import chunks_of
from shared.wire.server_events import ServerEvents
from shared.wire.streams import Chunk, StreamReader, StreamSoFar

_JSON = "application/json"


class StreamTimes(NamedTuple):
    """Seconds. total_s: of the whole call. first_chunk_s: until something of the answer has come. idle_s: of silence
    after that; a comment is no silence."""

    total_s: float
    first_chunk_s: float
    idle_s: float


class SilentStreamError(Exception):
    """No chunk came in time; the text says which time."""


class OpenStream:
    """An answer that has begun with a 200. To be read once; `so_far` says what is known of it then.

    Silence counts from the moment that the next chunk is asked for: a caller that reads slowly takes none of the
    endpoint's time.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, dialect: Dialect, times: StreamTimes, max_event_bytes: int,
        grown: Callable[[int], None],
    ) -> None:  # fmt: skip
        """grown: is told how many bytes have come in all, and may raise."""
        self._response = response
        self._dialect = dialect
        self._times = times
        self._max_event_bytes = max_event_bytes
        self._grown = grown
        self._reader: StreamReader = dialect.stream()
        self._has_content = False
        self._first_due = asyncio.get_running_loop().time() + times.first_chunk_s

    @property
    def so_far(self) -> StreamSoFar:
        return self._reader.so_far

    async def chunks(self) -> AsyncIterator[Chunk]:
        """Ends without an error when the stream does, be it whole or not.

        Raises BrokenStreamError, ErrorInStreamError, NotACompletionError, SilentStreamError, EventTooLargeError,
        and what aiohttp and `grown` raise.
        """
        if self._response.content_type == _JSON:
            async for chunk in self._of_whole_answer():
                yield chunk
            return
        async for chunk in self._of_events():
            self._has_content = self._has_content or chunk.holds_content
            yield chunk

    async def _of_events(self) -> AsyncIterator[Chunk]:
        events = ServerEvents(self._max_event_bytes)
        async for received in self._received():
            for event in events.read(received):
                for chunk in self._reader.chunks(event):
                    yield chunk
        last = events.end()
        if last is not None:
            for chunk in self._reader.chunks(last):
                yield chunk

    async def _received(self) -> AsyncIterator[bytes]:
        size = 0
        while received := await self._next():
            size += len(received)
            self._grown(size)
            yield received

    async def _next(self) -> bytes:
        """Empty at the end."""
        now = asyncio.get_running_loop().time()
        due = now + self._times.idle_s if self._has_content else self._first_due
        try:
            async with asyncio.timeout_at(due):
                return await self._response.content.readany()
        except TimeoutError as error:
            if asyncio.get_running_loop().time() < due:
                raise  # the time of the whole call is over
            raise SilentStreamError(self._why_silent()) from error

    def _why_silent(self) -> str:
        if self._has_content:
            return f"went silent in the middle of its answer for {self._times.idle_s:g} s"
        return f"sent nothing of its answer within {self._times.first_chunk_s:g} s"

    async def _of_whole_answer(self) -> AsyncIterator[Chunk]:
        """An endpoint that does not stream, or that failed with a 200, answers with JSON all the same."""
        answer = b"".join([received async for received in self._received()])
        completion: Completion = self._dialect.completion(answer)
        for chunk in chunks_of(orjson.loads(completion.body)):
            self.so_far.heard(chunk.body)
            yield chunk
        self.so_far.usage = completion.read.usage
        self.so_far.ended = True
