"""Answers that are told chunk by chunk, as server-sent events.

How a route answers with a stream, when its caller has asked for one:

    caller, sent = await gateway.asked(request)  # the caller's place is held until the stream has ended
    ...
    admitted = completing.admit(sent)  # or admit_made, of a body that says "stream": true
    return EventStream(gateway.completing.stream(caller, sent, admitted), MyWords(), gateway.stream_times)

`Words` say in which form chunks, end and errors are told; `ChatWords` is the form of /v1. An error before the first
chunk, or before the first comment that keeps the connection open, is raised, and becomes an ordinary answer.
"""

import asyncio
import re
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.edge import LAST_WORDS
from services.gateway.headers import INFERENCE_HEADER, REPLAYED_HEADER, STARTED
from services.gateway.inference.completing import CallerLeftError, Streamed
from services.gateway.instruments import first_chunk_seconds
from shared.errors import Failure, failure, render
from shared.inferences import Answer, InferenceFailedError, UnreadError, too_slow
from shared.telemetry.traces import tracing

_KEEP_ALIVE = b": keep-alive\n\n"
_DONE = b"data: [DONE]\n\n"
_USAGE = re.compile(rb'"usage"\s*:\s*\{')  # a chunk that may be that of the usage
_TYPED = re.compile(rb'\{"type":\s?"([a-z_]{1,60})"')  # how nearly every event of a message begins
_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # a proxy in between passes each event on at once
)
_LOOKS = 3  # how often, within the time of a comment, it is looked whether one is due


class StreamTimes(NamedTuple):
    """keep_alive_s: the longest silence. stall_s: for a caller that does not read."""

    keep_alive_s: float
    stall_s: float


class Words(Protocol):
    """How one stream is told, as bytes of server-sent events; b"" tells nothing.

    chunks: in the form that was asked for, JSON joined by newlines. end: called once, when the answer is whole. failed:
    the last words of a stream that broke off.
    """

    def chunks(self, chunks: bytes) -> bytes: ...

    async def end(self, answer: Answer) -> bytes: ...

    def failed(self, failed: InferenceFailedError) -> bytes: ...


class ChatWords:
    """As OpenAI tells them. include_usage: the caller has asked for the chunk that holds nothing but the usage."""

    def __init__(self, *, include_usage: bool) -> None:
        self._include_usage = include_usage

    def chunks(self, chunks: bytes) -> bytes:
        if not self._include_usage and _USAGE.search(chunks):
            chunks = b"\n".join(chunk for chunk in chunks.split(b"\n") if not _is_usage(chunk))
        return b"data: " + chunks.replace(b"\n", b"\n\ndata: ") + b"\n\n" if chunks else b""

    async def end(self, _answer: Answer) -> bytes:
        return _DONE

    def failed(self, failed: InferenceFailedError) -> bytes:
        inference_id, attempts = str(failed.inference_id), failed.failed_attempts
        error = render.openai_error(failed.failure, inference_id=inference_id, attempts=attempts)
        return b"data: " + orjson.dumps(error) + b"\n\n"


class MessagesWords:
    """As Anthropic tells them. request_id: as the caller is told it, of an inference's id."""

    def __init__(self, request_id: Callable[[str], str]) -> None:
        self._request_id = request_id

    def chunks(self, chunks: bytes) -> bytes:
        return b"".join([b"event: %b\ndata: %b\n\n" % (_type_of(event), event) for event in chunks.split(b"\n")])

    async def end(self, _answer: Answer) -> bytes:
        return b""

    def failed(self, failed: InferenceFailedError) -> bytes:
        inference_id, attempts = str(failed.inference_id), failed.failed_attempts
        error = render.anthropic_error(
            failed.failure, self._request_id(inference_id), inference_id=inference_id, attempts=attempts
        )
        return b"event: error\ndata: " + orjson.dumps(error) + b"\n\n"


def _type_of(event: bytes) -> bytes:
    if (found := _TYPED.match(event)) is not None:
        return found[1]
    kind = orjson.loads(event).get("type")
    return kind.encode() if isinstance(kind, str) and kind.isidentifier() else b"unknown"


def _is_usage(chunk: bytes) -> bool:
    if _USAGE.search(chunk) is None:
        return False
    body = orjson.loads(chunk)
    return isinstance(body, dict) and not body.get("choices")


def _keep_alive() -> bytes:
    return _KEEP_ALIVE


class Following(NamedTuple):
    """How an inference is told that was begun by an earlier request, and goes on whoever follows it.

    broken: the last words when only the telling ends. silence: what is told when no chunk has come for the time of a
    comment, or the stream was woken. at_once: it is told first, before anything has come.
    """

    broken: Callable[[Failure], bytes]
    silence: Callable[[], bytes] = _keep_alive
    at_once: bool = False


class EventStream(Response):
    """streamed: begins the inference; what it raises before anything was told is an ordinary answer. following: None
    when its caller has asked for it just now."""

    def __init__(
        self, streamed: AbstractAsyncContextManager[Streamed], words: Words, times: StreamTimes,
        following: Following | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._streamed = streamed
        self._words = words
        self._times = times
        self._following = following

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._streamed as streamed:
            telling = _Telling(streamed, self._words, self._times, self._following, scope, send)
            left = asyncio.create_task(telling.leave(receive), name="caller")
            try:
                await telling.run()
            finally:
                left.cancel()


def _not_read(detail: str) -> Failure:
    """For who follows: the inference is not cancelled."""
    return failure("stream_broken", detail, tips=("Open it again: the inference goes on.",))


class _Telling:
    """One answer as it goes out."""

    def __init__(
        self, streamed: Streamed, words: Words, times: StreamTimes, following: Following | None, scope: Scope,
        send: Send,
    ) -> None:  # fmt: skip
        self._streamed = streamed
        self._words = words
        self._times = times
        self._following = following
        self._silence = _keep_alive if following is None else following.silence
        self._scope = scope
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._sent_at = self._loop.time()
        self._sending = False
        self._begun = False
        self._gone = False
        self._first = following is None  # no chunk has been told, and how long it takes is measured
        self._every_s = min(times.keep_alive_s, times.stall_s) / _LOOKS
        self._look_again = self._loop.call_later(self._every_s, self._look)

    async def run(self) -> None:
        stream, words = self._streamed.chunks, self._words
        try:
            if self._following is not None and self._following.at_once:
                await self._tell(self._silence())
            async for chunks in stream:
                await self._tell(words.chunks(chunks) if chunks else self._silence())
                if self._first and chunks:
                    self._first = False
                    first_chunk_seconds.observe(
                        time.perf_counter() - self._scope[STARTED], tracing.exemplar(self._scope.get("traceparent"))
                    )
            last = b"" if stream.answer is None else await words.end(stream.answer)
        except InferenceFailedError as error:
            if not self._begun:
                raise
            unread = isinstance(error, UnreadError)
            last = self._last_words(error.failure) if unread else words.failed(error)
        finally:
            self._look_again.cancel()
        await self._tell(last, more=False)

    async def leave(self, receive: Receive) -> None:
        """Ends the stream when the connection is gone."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._streamed.chunks.cut_off(CallerLeftError())

    async def _tell(self, event: bytes, *, more: bool = True) -> None:
        """Waits while the connection takes nothing."""
        if not event and more:
            return
        if not self._begun:
            self._begun = True
            self._scope[LAST_WORDS] = self._last_words
            await self._send({"type": "http.response.start", "status": 200, "headers": self._headers()})
        self._sending, self._sent_at = True, self._loop.time()
        await self._send({"type": "http.response.body", "body": event, "more_body": more})
        self._sending, self._sent_at = False, self._loop.time()

    def _headers(self) -> list[tuple[bytes, bytes]]:
        """The model is not known before the end; the chunks name it in the endpoint's own words."""
        named = [(INFERENCE_HEADER.encode(), str(self._streamed.inference_id).encode())]
        if self._streamed.replayed:
            named.append((REPLAYED_HEADER.encode(), b"true"))
        return [*_HEADERS, *named]

    def _last_words(self, failed: Failure) -> bytes:
        """When the telling ends before the answer does."""
        if self._following is not None:
            not_read = failed.error_type == "cancelled"
            return self._following.broken(_not_read(failed.detail) if not_read else failed)
        return self._words.failed(InferenceFailedError(failed, self._streamed.inference_id))

    def _look(self) -> None:
        """Whether a comment is due, or the caller has not read for too long."""
        self._look_again = self._loop.call_later(self._every_s, self._look)
        silent_s = self._loop.time() - self._sent_at
        if not self._sending:
            if silent_s >= self._times.keep_alive_s - self._every_s:
                self._streamed.chunks.wake()
        elif silent_s >= self._times.stall_s and not self._gone:
            self._gone = True
            unread = too_slow(f"nothing was taken for {silent_s:.0f} s")
            self._streamed.chunks.cut_off(UnreadError(unread, self._streamed.inference_id))
            self._streamed.unread()
