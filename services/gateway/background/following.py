"""One background inference as server-sent events: its state, its chunks if it has any, and how it ended."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self, cast

import orjson

from services.gateway.background.store import Accepted
from services.gateway.inference.text_completions import told
from shared.errors import Failure, render
from shared.inferences import Answer, InferenceFailedError

_KEEP_ALIVE = b": keep-alive\n\n"
_FIRST_LOOK_S, _LONGEST_S = 1.0, 5.0  # between two looks whether it was begun

AskState = Callable[[], Awaitable[str | None]]
ResultOf = Callable[[Answer], Awaitable[Any]]


class AwaitedResult:
    """An answer that has no chunks, to be followed as if it had: it ends when the reply is there."""

    def __init__(self, opened: "asyncio.Task[Answer]") -> None:
        self.answer: Answer | None = None
        self._opened = opened
        self._woken = asyncio.Event()
        self._error: Exception | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        woken = asyncio.ensure_future(self._woken.wait())
        try:
            await asyncio.wait((self._opened, woken), return_when=asyncio.FIRST_COMPLETED)
        finally:
            woken.cancel()
        if self._error is not None:
            raise self._error
        if self._opened.done():
            self.answer = self._opened.result()
            raise StopAsyncIteration
        self._woken.clear()
        return b""

    def wake(self) -> None:
        self._woken.set()

    def cut_off(self, error: Exception) -> None:
        self._error = error
        self.wake()


class EventWords:
    """The `Words` of one stream of events. state: of the inference as it began. result_of: what the end tells of an
    answer; None for one that chunks have told."""

    def __init__(self, kept: Accepted, state: str, result_of: ResultOf | None) -> None:
        self._kept = kept
        self._result_of = result_of
        self._state = state
        self._told_state: str | None = None

    def silence(self) -> bytes:
        """The state, when it was not told yet; otherwise what keeps the connection open."""
        return self._new_state() or _KEEP_ALIVE

    def chunks(self, chunks: bytes) -> bytes:
        self._state = "running"
        lines = chunks.split(b"\n")
        if self._kept.operation == "completions":
            lines = [told(line) for line in lines]
        return self._new_state() + b"event: chunk\ndata: " + b"\n\nevent: chunk\ndata: ".join(lines) + b"\n\n"

    async def end(self, answer: Answer) -> bytes:
        result = {} if self._result_of is None else {"result": await self._result_of(answer)}
        return self._settled("completed", {"model": answer.model, "error": None} | result)

    def failed(self, failed: InferenceFailedError) -> bytes:
        inference_id, attempts = str(failed.inference_id), failed.failed_attempts
        problem = render.problem(failed.failure, inference_id=inference_id, attempts=attempts)
        return self._settled(failed.settlement, {"model": None, "error": problem})

    def broken(self, why: Failure) -> bytes:
        """The inference goes on."""
        return _event("error", cast(dict[str, Any], render.problem(why, inference_id=str(self._kept.inference_id))))

    async def watch(self, ask: AskState, wake: Callable[[], None]) -> None:
        """Looks until it was begun; then only its end is news. ask: None when that cannot be said now."""
        pause_s = _FIRST_LOOK_S
        while self._state == "accepted":
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, _LONGEST_S)
            if await ask() == "running":
                self._state = "running"
                wake()

    def _new_state(self) -> bytes:
        if self._state == self._told_state:
            return b""
        self._told_state = self._state
        return _event("state", self._named(self._state))

    def _settled(self, state: str, more: dict[str, Any]) -> bytes:
        return _event("settled", self._named(state) | more)

    def _named(self, state: str) -> dict[str, Any]:
        return {"inference_id": str(self._kept.inference_id), "state": state}


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), orjson.dumps(data))
