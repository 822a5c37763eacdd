"""Ctrl-C and SIGTERM while something must not be left half-done."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def undisturbed() -> Iterator[None]:
    """A signal that arrives meanwhile interrupts afterwards: a short request is made whole or not at all."""
    came: list[int] = []
    # Handlers, not a signal mask: a mask holds for one thread, and another one would take the signal.
    before = {number: signal.signal(number, lambda which, _: came.append(which)) for number in _ENDING}
    try:
        yield
    finally:
        _restore(before)
    if came:
        raise KeyboardInterrupt


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM and a closed terminal unwind like Ctrl-C, so that what is open is cleaned up."""
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        _restore(before)


def _restore(handlers: Mapping[signal.Signals, Any]) -> None:
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
