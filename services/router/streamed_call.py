"""One streamed call: what its endpoint says is told chunk by chunk, as far as it may be told yet.

What comes before the first content is held back, so that another model may still answer; and what says that the answer
is whole, until it is: then it goes with the reply.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from services.router import counting
from services.router.chunk_stream import ChunkStream
from services.router.streaming import OpenStream
from services.router.transport import CallFailedError, Hold
from shared.errors import failure
from shared.registry import Model
from shared.wire import CompletionRead, WireFormat
from shared.wire.reading.streams import Chunk, StreamSoFar
from shared.wire.reading.usage import NO_USAGE

_HELD_IN_STEPS_OF = 4096  # bytes


def endpoint_body(body: Mapping[str, Any], form: WireFormat, *, streamed: bool) -> Mapping[str, Any]:
    """The caller's body as an endpoint is asked: of a stream always for its usage too, which only OpenAI's form leaves
    open. Where nobody follows a stream, for the whole answer."""
    if streamed and form == "openai":
        options = body.get("stream_options")
        told = options if isinstance(options, dict) else {}
        return {**body, "stream": True, "stream_options": {**told, "include_usage": True}}
    if streamed:
        return body
    if "stream" in body or "stream_options" in body:
        return {name: value for name, value in body.items() if name not in ("stream", "stream_options")}
    return body


class StreamedCall:
    """out: where its chunks go. chunks: how many came.

    max_untold_bytes: of what is held back. max_log_bytes: of all chunks, compressed.
    """

    def __init__(self, model: Model, out: ChunkStream, hold: Hold, max_untold_bytes: int, max_log_bytes: int) -> None:
        self._model = model
        self._hold = hold
        self._max_untold_bytes = max_untold_bytes
        self._max_log_bytes = max_log_bytes
        self._began_at = asyncio.get_running_loop().time()
        self._newest_at = self._began_at
        self._early: list[bytes] = []  # before the first content
        self._last: list[bytes] = []  # what says that the answer is whole, and what follows
        self._untold_bytes = 0
        self._held_bytes = 0
        self._opened: OpenStream | None = None
        self.out = out
        self.chunks = 0

    async def read(self, opened: OpenStream, remaining_s: Callable[[], float]) -> None:
        """To its end, be it whole or not. Raises CallFailedError, and what `OpenStream.reads` raises."""
        self._opened = opened
        async for chunks in opened.reads():
            if lines := self._told(opened, chunks):
                await self.out.tell(lines)
            self._keep_within()
            self._newest_at = asyncio.get_running_loop().time()
            if self.out.is_held_back and not await self.out.until_read(remaining_s()):
                detail = "the time of the answer was over while its caller did not read"
                raise CallFailedError(failure("expired", detail, model=self._model.id))

    def end(self) -> bytes:
        """All chunks of an answer that is whole; those that have not been told go with the reply."""
        if self._opened is not None:
            self._last += [chunk.data for chunk in self._opened.last_chunks()]
        if self._early or self._last:
            self.out.keep([*self._early, *self._last])
        self._keep_within()
        return self.out.log

    @property
    def first_chunk_s(self) -> float | None:
        """From the call to the first content."""
        at = None if self._opened is None else self._opened.first_content_at
        return None if at is None else max(0.0, at - self._began_at)

    @property
    def per_chunk_s(self) -> float | None:
        """Between two chunks, from the first content on, on the average."""
        first_s = self.first_chunk_s
        if first_s is None or self.chunks < 2:
            return None
        return max(0.0, self._newest_at - self._began_at - first_s) / (self.chunks - 1)

    def usage(self, prompt_tokens: Callable[[], int]) -> counting.Counted | None:
        """What the endpoint counted; what it did not count, or not to the end, estimated from what came. None when
        nothing of an answer came and nothing was counted."""
        so_far = self._so_far
        if so_far.whole:
            return counting.of_answer(so_far.usage, so_far.characters, prompt_tokens)
        if not so_far.characters and so_far.usage == NO_USAGE:
            return None
        return counting.of_part(so_far.usage, so_far.characters, prompt_tokens)

    @property
    def completion_read(self) -> CompletionRead:
        return self._so_far.read

    @property
    def _so_far(self) -> StreamSoFar:
        return StreamSoFar() if self._opened is None else self._opened.so_far

    def _told(self, opened: OpenStream, chunks: Iterator[Chunk]) -> list[bytes]:
        """What may be told of a read by now."""
        lines: list[bytes] = []
        so_far = opened.so_far
        for chunk in chunks:
            self.chunks += 1
            if chunk.ends or so_far.whole:
                self._last.append(chunk.data)
                self._untold_bytes += len(chunk.data)
            else:
                lines.append(chunk.data)
        return self._with_early(opened, lines)

    def _with_early(self, opened: OpenStream, lines: list[bytes]) -> list[bytes]:
        if opened.first_content_at is None:
            self._early += lines
            self._untold_bytes += sum(map(len, lines))
            return []
        if not self._early:
            return lines
        told = self._early + lines
        self._untold_bytes -= sum(map(len, self._early))
        self._early = []
        return told

    def _keep_within(self) -> None:
        """Raises CallFailedError when more would be kept than may."""
        if self._untold_bytes > self._max_untold_bytes:
            raise self._too_large(f"{self._untold_bytes} bytes of chunks that say nothing")
        if self.out.kept_bytes > self._max_log_bytes:
            raise self._too_large(f"more than {self._max_log_bytes} bytes of chunks, compressed")
        kept = self._untold_bytes + self.out.kept_bytes
        if kept > self._held_bytes:
            self._held_bytes = kept + _HELD_IN_STEPS_OF
            if (too_many := self._hold(self._held_bytes)) is not None:
                raise CallFailedError(too_many.model_copy(update={"retryable": False}))

    def _too_large(self, what: str) -> CallFailedError:
        detail = f"{self._model.server_address} answered with more than can be passed on: {what}"
        tips = ("Ask for a shorter answer (max_tokens).",)
        told = failure("bad_response", detail, model=self._model.id, tips=tips)
        return CallFailedError(told.model_copy(update={"retryable": False}))  # it would be as large again
