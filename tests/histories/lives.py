"""Processes within one event loop. Every step of a task belongs to the life of a process, or to the world around it.

A life can end before any of its steps, or stand still and go on: of a dead one no step is made any more, so nothing it
would have done happens, and no `finally` of it runs, as after kill -9.
"""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVarTuple, Unpack

from tests.support.virtual_time import VirtualTimeLoop

EPOCH = datetime(2026, 11, 23, 12, tzinfo=UTC)

Ts = TypeVarTuple("Ts")

_LIFE: ContextVar["Life | None"] = ContextVar("life", default=None)


class Life:
    """One life of a process: `slot` is the place that it takes, as "router-1", and `name` is its own."""

    def __init__(self, slot: str, name: str, loop: asyncio.AbstractEventLoop) -> None:
        self.slot = slot
        self.name = name
        self.alive = True
        self.frozen = False
        self.clock_ahead_s = 0.0
        self.clock_rate = 1.0
        self.born_at = loop.time()
        self._loop = loop
        self._context = Context()
        self._context.run(_LIFE.set, self)
        self._parked: list[tuple[_Step, Context]] = []
        self._steps_left: int | None = None
        self._kept: list[asyncio.Task[None]] = []
        self._unmade: list[
            _Step
        ] = []  # of its death: their tasks, which nobody else may know, are not collected either
        self._at_its_end: list[Callable[[], object]] = []
        self._on_freeze: list[Callable[[], object]] = []
        self._on_thaw: list[Callable[[], object]] = []

    def now(self) -> datetime:
        """By its own wall clock."""
        return EPOCH + timedelta(seconds=self._loop.time() * self.clock_rate + self.clock_ahead_s)

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work, context=self._context)
        self._kept.append(task)  # what is left of a dead process is not collected while its history lasts
        return task

    def when_it_ends(self, work: Callable[[], object]) -> None:
        self._at_its_end.append(work)

    def when_frozen(self, freeze: Callable[[], object], thaw: Callable[[], object]) -> None:
        self._on_freeze.append(freeze)
        self._on_thaw.append(thaw)

    def end(self) -> None:
        """At once, and without a word."""
        if self.alive:
            self.alive = False
            for work in self._at_its_end:
                Context().run(work)

    def end_after(self, steps: int) -> None:
        self._steps_left = steps

    def freeze(self) -> None:
        if self.alive and not self.frozen:
            self.frozen = True
            for work in self._on_freeze:
                Context().run(work)

    def thaw(self) -> None:
        if self.alive and self.frozen:
            self.frozen = False
            for work in self._on_thaw:
                Context().run(work)
            parked, self._parked = self._parked, []
            for step, context in parked:
                self._loop.call_soon(step.resume, context=context)

    def may_make(self, step: "_Step") -> bool:
        if not self.alive:
            self._unmade.append(step)
            return False
        if self.frozen:
            self._parked.append((step, contextvars.copy_context()))
            return False
        if self._steps_left is not None:
            self._steps_left -= 1
            if self._steps_left < 0:
                self.end()
                self._unmade.append(step)
                return False
        return True


def current_life() -> Life | None:
    return _LIFE.get()


class _Step:
    """One callback of the loop. It may be called off while its life stands still."""

    __slots__ = ("_args", "_callback", "handle")

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._callback = callback
        self._args = args
        self.handle: asyncio.Handle | None = None

    def __call__(self) -> None:
        life = _LIFE.get()
        if life is None or life.may_make(self):
            self._callback(*self._args)

    def resume(self) -> None:
        if self.handle is not None and not self.handle.cancelled():
            self()


class HistoryLoop(VirtualTimeLoop):
    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        step = _Step(callback, args)
        step.handle = handle = super().call_soon(step, context=context)
        return handle

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        step = _Step(callback, args)
        step.handle = handle = super().call_at(when, step, context=context)
        return handle
