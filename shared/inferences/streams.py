"""The chunks of an answer while they come: from the lane to all in this process who read it.

`IncomingStream` is of one inference: it puts the router's frames in order, keeps what others may still follow, and has
the router wait while a reader is slow. `AnswerStream` is one reader's:

    async for chunks in stream:
        ...  # chunks in the form of the order, JSON joined by newlines; b"" when `wake` was called and none had come
    stream.answer  # who served it; its body is empty, for it has been told

The iteration ends when the answer is whole, and raises InferenceFailedError when it broke off: then nothing that was
made of the chunks may look complete.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import NamedTuple, Self
from uuid import UUID

from shared.errors import Failure, failure
from shared.events import ReplyCompleted, ReplyFailed
from shared.events.inference import Settlement
from shared.inferences.answers import Answer, AnyReply, InferenceFailedError, Reply, said_in
from shared.lane import Kind
from shared.lane.listener import Lane
from shared.lane.payloads import Chunks, chunk_context
from shared.operations import WireFormat
from shared.wire.exchanges import chunks_of
from shared.wire.reading.chunk_log import ChunkLog, UnreadableLogError, chunks_in
from shared.wire.reading.streams import BrokenStreamError

_BLOCK_BYTES = 32 * 1024  # of what is told at once of an answer that is there already
_MAX_ANSWER_BYTES = 1024 * 1024 * 1024
_TIPS = ("Send the request again; how far it came: tallygate show <inference_id>",)


class StreamLimits(NamedTuple):
    """waiting_bytes: of chunks that wait for one reader before the router is told to wait. most_waiting_bytes: with
    what comes all the same; beyond it the reader is cut off. followed_bytes: kept of a stream, compressed, for those
    who come later; of a longer one they are told all at its end."""

    waiting_bytes: int = 64 * 1024
    most_waiting_bytes: int = 16 * 1024 * 1024
    followed_bytes: int = 128 * 1024


AnswerOf = Callable[[AnyReply], Answer]


class UnreadError(InferenceFailedError):
    """A reader did not take what there was to tell; the inference itself may have an answer."""


class IncomingStream:
    """form: of the chunks. answer_of: opens a reply; raises InferenceFailedError for one that is no answer.
    stored: the answer is kept for the request's Idempotency-Key, so others may follow.
    context: under which the router seals its chunks."""

    def __init__(
        self, tenant_id: str, inference_id: UUID, form: WireFormat, answer_of: AnswerOf, *, stored: bool,
        limits: StreamLimits,
    ) -> None:  # fmt: skip
        self.inference_id = inference_id
        self.form = form
        self.context = chunk_context(tenant_id, inference_id)
        self.answer_of = answer_of
        self.stored = stored
        self.limits = limits
        self.readers: list[AnswerStream] = []
        self.attempt_number = 0
        self.frames = 0  # heard of this attempt
        self.lines = 0  # chunks in them
        self._log = ChunkLog() if stored else None
        self._reply: AnyReply | None = None
        self._paused: Lane | None = None

    def reader(self) -> "AnswerStream":
        """It is told what has come so far, then what comes; or all at the end, when the beginning is not there."""
        reader = AnswerStream(self)
        if self.lines and self._log is not None:
            reader.begin_with(self._log.bytes_so_far, self.lines)
        self.readers.append(reader)
        if self._reply is not None:
            reader.end(self._reply)
        return reader

    def leave(self, reader: "AnswerStream") -> None:
        self.readers.remove(reader)
        self.taken()

    def take(self, chunks: Chunks, lane: Lane) -> Kind | None:
        """The word that answers the frame. Frames that were heard before are dropped: after a cut the router sends all
        of them again."""
        number, sequence, lines = chunks
        if number > self.attempt_number and not self.frames:
            self.attempt_number = number
        if number != self.attempt_number or sequence != self.frames:
            return self._out_of_order(number, sequence)
        count = lines.count(b"\n") + 1 if lines else 0
        waiting_bytes = -1  # for who has most of it waiting; nobody reads it any more
        for reader in self.readers:
            if reader.lines == self.lines and not reader.ended:
                waiting_bytes = max(waiting_bytes, reader.give(lines, count))
        self.frames += 1
        self.lines += count
        if self._log is not None and lines:
            self._keep(self._log, lines)
        if waiting_bytes < 0:
            return Kind.GONE
        if waiting_bytes > self.limits.waiting_bytes and self._paused is not lane:
            self._paused = lane
            lane.pause(self.inference_id.bytes)
        return None

    def end(self, reply: AnyReply) -> bool:
        """Whether it is of use to anybody; otherwise the reply with all chunks is still to come."""
        if self._is_of_earlier_call(said_in(reply)):
            return False
        self._reply = reply
        taken = [reader.end(reply) for reader in self.readers]
        return any(taken)

    def taken(self) -> None:
        """A reader has taken what waited for it."""
        if self._paused is not None and all(r.waiting_bytes <= self.limits.waiting_bytes // 2 for r in self.readers):
            lane, self._paused = self._paused, None
            lane.resume(self.inference_id.bytes)

    def _is_of_earlier_call(self, said: Reply) -> bool:
        """A router that was frozen before its first chunk may answer when another one's answer is being told."""
        return isinstance(said, ReplyCompleted) and bool(self.frames) and said.attempt_number < self.attempt_number

    def _out_of_order(self, number: int, sequence: int) -> Kind | None:
        if number < self.attempt_number or (number == self.attempt_number and sequence < self.frames):
            return None
        if not self.frames:
            return Kind.GONE  # its beginning was told to somebody who has left; the end will bring all
        if number > self.attempt_number:
            detail = f"call {number} was answered after a part of the answer to call {self.attempt_number} was told"
        else:
            detail = f"of the answer to call {number}, part {sequence} came where part {self.frames} should"
        broken = failure("stream_broken", detail, tips=_TIPS)
        for reader in self.readers:
            reader.fail(broken)
        return Kind.GONE

    def _keep(self, log: ChunkLog, lines: bytes) -> None:
        log.add(lines)
        if log.size > self.limits.followed_bytes:
            self._log = None


class AnswerStream:
    def __init__(self, incoming: IncomingStream) -> None:
        self.answer: Answer | None = None
        self.lines = 0  # chunks that it was given, taken or not
        self.waiting_bytes = 0
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()  # something has come
        self._incoming = incoming
        self._before: Iterator[bytes] = iter(())
        self._waiting: list[bytes] = []
        self._rest: Iterator[bytes] = iter(())
        self._error: Exception | None = None
        self._cut_off = False
        self._woken = False
        self._waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._cut_off and self._error is not None:
                raise self._error
            if (block := self._next(self._before)) is not None:
                return block
            if self._waiting:
                return self._take_waiting()
            if self._error is not None:
                raise self._error
            if self.answer is not None:
                if (block := self._next(self._rest)) is not None:
                    return block
                raise StopAsyncIteration
            if self._woken:
                self._woken = False
                return b""
            await self._something()

    @property
    def ended(self) -> bool:
        """Nothing more comes for it."""
        return self.answer is not None or self._error is not None

    def wake(self) -> None:
        """Has who waits for chunks go on without any."""
        self._woken = True
        self._go_on()

    def cut_off(self, error: Exception) -> None:
        """It ends here with this error; what waits is dropped."""
        self._cut_off, self._error = True, error
        self._waiting.clear()
        self.waiting_bytes = 0
        self._incoming.taken()
        self._go_on()

    # What the stream brings

    def begin_with(self, log: bytes, lines: int) -> None:
        """lines: how many chunks are in it."""
        self.lines = lines
        self._before = _blocks(chunks_in(log, _MAX_ANSWER_BYTES))
        self._begin()

    def give(self, lines: bytes, count: int) -> int:
        """How many bytes wait for it now; below 0 when it takes no more. count: of chunks in `lines`."""
        self.lines += count
        if lines:
            self._waiting.append(lines)
            self.waiting_bytes += len(lines)
            if self.waiting_bytes > self._incoming.limits.most_waiting_bytes:
                self.cut_off(UnreadError(too_slow("what waits for you is too much"), self._incoming.inference_id))
                return -1
        if (waiter := self._waiter) is not None and not waiter.done():
            waiter.set_result(None)
        if not self.begun.done():
            self._begin()
        return self.waiting_bytes

    def end(self, reply: AnyReply) -> bool:
        """Whether the reply ends it; without a body it cannot, for who has not heard all frames."""
        if self.ended:
            return True
        said = said_in(reply)
        try:
            answer = self._incoming.answer_of(reply)
            if not isinstance(said, ReplyFailed):
                if said.form == "chunks" and not answer.body and self._may_wait:
                    return False
                self._rest = self._rest_of(answer.body, said.form, said.attempt_number, said.chunk_frames)
            self.answer = replace(answer, body=b"")
        except InferenceFailedError as error:
            self._error = error
        self._go_on()
        return True

    def fail(self, failed: Failure) -> None:
        """After what has come."""
        if not self.ended:
            self._error = self._failed(failed)
            self._go_on()

    @property
    def _may_wait(self) -> bool:
        """It has not followed from the beginning, and the stored answer will hold all."""
        incoming = self._incoming
        return incoming.stored and (self.lines != incoming.lines or not incoming.frames)

    def _rest_of(self, body: bytes, form: str, attempt_number: int, chunk_frames: int) -> Iterator[bytes]:
        """What is left to tell of an answer. Raises InferenceFailedError when that cannot follow what was told."""
        incoming = self._incoming
        if self.lines and (form == "completion" or attempt_number != incoming.attempt_number):
            raise self._broken("the whole answer is not that of which a part was told")
        if form == "completion":
            return self._chunks_of(body)
        if body:
            return _blocks(islice(chunks_in(body, _MAX_ANSWER_BYTES), self.lines, None))
        if incoming.frames != chunk_frames:
            raise self._broken(f"{incoming.frames} of its {chunk_frames} parts have come")
        return iter(())

    def _chunks_of(self, completion: bytes) -> Iterator[bytes]:
        try:
            whole = [chunk.data for chunk in chunks_of(self._incoming.form, completion)]
        except BrokenStreamError:
            raise self._broken("the answer is no completion") from None
        return _blocks(iter(whole))

    def _next(self, blocks: Iterator[bytes]) -> bytes | None:
        try:
            return next(blocks, None)
        except UnreadableLogError as error:
            raise self._broken(f"the answer that was kept cannot be read: {error}") from None

    def _take_waiting(self) -> bytes:
        taken = self._waiting[0] if len(self._waiting) == 1 else b"\n".join(self._waiting)
        self._waiting.clear()
        self.waiting_bytes = 0
        self._incoming.taken()
        return taken

    async def _something(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _go_on(self) -> None:
        self._begin()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _begin(self) -> None:
        if not self.begun.done() and (self.lines or self.ended):
            self.begun.set_result(None)

    def _broken(self, detail: str) -> InferenceFailedError:
        return self._failed(failure("stream_broken", detail, tips=_TIPS))

    def _failed(self, failed: Failure) -> InferenceFailedError:
        settlement: Settlement = "expired" if failed.error_type == "expired" else "failed"
        return InferenceFailedError(failed, self._incoming.inference_id, settlement=settlement)


def too_slow(detail: str) -> Failure:
    """What a caller is told that does not read its stream."""
    tips = ("Read the stream as it comes.", "An operator can raise TALLYGATE_STREAM_STALL_S.")
    return failure("cancelled", f"the stream was not read: {detail}", tips=tips)


def _blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Joined by newlines, so that many are told at once."""
    held: list[bytes] = []
    size = 0
    for chunk in chunks:
        held.append(chunk)
        size += len(chunk)
        if size >= _BLOCK_BYTES:
            yield b"\n".join(held)
            held, size = [], 0
    if held:
        yield b"\n".join(held)
