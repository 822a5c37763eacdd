"""One streamed answer of an endpoint: bytes in, chunks out, each within its time."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

import aiohttp

from shared.wire import Completion, Exchange, NotACompletionError
from shared.wire.exchanges import chunks_of
from shared.wire.reading.server_events import ServerEvent, ServerEvents
from shared.wire.reading.streams import BrokenStreamError, Chunk, StreamReader, StreamSoFar
from shared.wire.reading.told_errors import error_in_text

_JSON, _EVENTS = "application/json", "text/event-stream"
_AT_ONCE_BYTES = 16 * 1024  # of a read, before others get their turn: it may hold thousands of events
_NO_STREAM = re.compile(rb"(?:\xef\xbb\xbf)?\s{0,100}[{\[<]")  # no line of a stream begins so
_AFTER_END_S = 0.5  # for what some endpoints say after their last word; then they need not close


class StreamTimes(NamedTuple):
    """Seconds. total_s: of the whole call. first_chunk_s: until something of the answer has come. idle_s: of silence
    after that; a comment is no silence."""

    total_s: float
    first_chunk_s: float
    idle_s: float


class StreamLimits(NamedTuple):
    """Bytes. answer: of one event, and of an answer that is not streamed. stream: of all events."""

    answer: int
    stream: int


class SilentStreamError(Exception):
    """No chunk came in time; the text says which time."""


class OpenStream:
    """An answer that has begun with a 200. To be read once; `so_far` says what is known of it then.

    Silence counts from the moment that the next chunk is asked for: a caller that reads slowly takes none of the
    endpoint's time. first_content_at: in the loop's time.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, exchange: Exchange, times: StreamTimes, limits: StreamLimits,
        began_at: float, grown: Callable[[int, int], None],
    ) -> None:  # fmt: skip
        """began_at: the call, in the loop's time. grown: is told how many bytes have come in all and how many may, and
        may raise."""
        self._response = response
        self._exchange = exchange
        self._times = times
        self._limits = limits
        self._grown = grown
        self._loop = asyncio.get_running_loop()
        self._reader: StreamReader = exchange.stream()
        self._first_due = began_at + times.first_chunk_s
        self._ends_at = began_at + times.total_s
        self._due: float | None = None  # of the read that is under way
        self._size = 0  # bytes that have come
        self._came_whole = False
        self._watch: asyncio.TimerHandle | None = None
        self.first_content_at: float | None = None

    @property
    def so_far(self) -> StreamSoFar:
        return self._reader.so_far

    def last_chunks(self) -> Iterable[Chunk]:
        """What follows a stream that is whole. An answer that did not come as one has told it all."""
        return () if self._came_whole else self._reader.end()

    async def reads(self) -> AsyncIterator[Iterator[Chunk]]:
        """What each read brings, which must be gone through before the next one: `so_far` is of the chunk in hand.

        Ends without an error when the stream does, be it whole or not. Raises, also while a read is gone through,
        BrokenStreamError, ErrorInAnswerError, NotACompletionError, SilentStreamError, EventTooLargeError, and what
        aiohttp and `grown` raise.
        """
        try:
            if self._response.content_type == _JSON:
                yield self._of_whole_answer(await self._rest(b""))
                return
            events, beginning = ServerEvents(self._limits.answer), b""
            while received := await self._next(self._limits.stream):
                if not beginning:
                    beginning = received[:_AT_ONCE_BYTES]
                    if _NO_STREAM.match(beginning):  # often an error, whatever the header says
                        yield self._of_whole_answer(await self._rest(received))
                        return
                while len(received) > _AT_ONCE_BYTES:
                    yield self._chunks(events.read(received[:_AT_ONCE_BYTES]))
                    received = received[_AT_ONCE_BYTES:]
                    await asyncio.sleep(0)
                yield self._chunks(events.read(received))
            yield self._of_last(events.end())
            self._check(beginning)
        finally:
            if self._watch is not None:
                self._watch.cancel()

    def _chunks(self, events: Iterator[ServerEvent]) -> Iterator[Chunk]:
        for event in events:
            for chunk in self._reader.chunks(event):
                if self.first_content_at is None and chunk.holds_content:
                    self.first_content_at = self._loop.time()
                yield chunk

    def _of_last(self, event: ServerEvent | None) -> Iterator[Chunk]:
        """Of what the end of the stream cut off: an event that is whole, or a part of one."""
        with suppress(BrokenStreamError):
            yield from self._chunks(iter(() if event is None else (event,)))

    def _check(self, beginning: bytes) -> None:
        """That it was a stream at all. Raises NotACompletionError, and ErrorInAnswerError."""
        if self.so_far.choices:
            return
        if (told := error_in_text(beginning)) is not None:
            raise told
        if self._response.content_type != _EVENTS:
            raise NotACompletionError("what it answers is neither JSON nor a stream of events")
        if self.so_far.ended:
            raise NotACompletionError("its stream has no choices")

    async def _rest(self, received: bytes) -> bytes:
        """All of an answer that is no stream, of which this has been received."""
        pieces = [received]
        while piece := await self._next(self._limits.answer):
            pieces.append(piece)
        return b"".join(pieces)

    async def _next(self, most: int) -> bytes:
        """Empty at the end. most: bytes that may come in all."""
        now = self._loop.time()
        if self.so_far.ended:
            self._due = now + _AFTER_END_S
        elif self.first_content_at is None:
            self._due = self._first_due
        else:
            self._due = now + self._times.idle_s
        self._due = min(self._due, self._ends_at)
        if self._watch is None or self._due < self._watch.when():
            self._look_at(self._due)
        try:
            received = await self._response.content.readany()
        except (SilentStreamError, aiohttp.ClientPayloadError):
            if self.so_far.ended:
                return b""
            raise
        finally:
            self._due = None
        self._size += len(received)
        self._grown(self._size, most)
        return received

    def _look_at(self, due: float) -> None:
        """One timer for many reads: a timer for each would cost as much as what it brings."""
        if self._watch is not None:
            self._watch.cancel()
        self._watch = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._due is None:
            return  # nothing is being read; the next read sets a timer
        if self._loop.time() < self._due:
            self._look_at(self._due)
        else:
            self._response.content.set_exception(self._why_over())

    def _why_over(self) -> Exception:
        if self._loop.time() >= self._ends_at:
            return TimeoutError()
        if self.first_content_at is not None:
            return SilentStreamError(f"went silent in the middle of its answer for {self._times.idle_s:g} s")
        return SilentStreamError(nothing_came(self._times))

    def _of_whole_answer(self, answer: bytes) -> Iterator[Chunk]:
        """An endpoint that does not stream, or that failed with a 200, answers with JSON all the same."""
        completion: Completion = self._exchange.completion(answer)
        self.so_far.whole_answer(completion.read)
        self._came_whole = True
        for chunk in chunks_of(self._exchange.form, completion.body):
            self.first_content_at = self.first_content_at or self._loop.time()
            yield chunk


def nothing_came(times: StreamTimes) -> str:
    return f"sent nothing of its answer within {times.first_chunk_s:g} s"
