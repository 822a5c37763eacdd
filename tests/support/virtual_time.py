"""An event loop whose clock jumps to the next timer when nothing else is to be done: hours pass in milliseconds."""

import asyncio
import selectors
import socket
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

R = TypeVar("R")
P = ParamSpec("P")

_LIMIT_S = 24 * 3600.0


class NothingCanHappenError(Exception):
    """Everything waits, and no timer is set that could end it."""


class TooLongError(Exception):
    """More virtual time has passed than was allowed."""


class _JumpingSelector(selectors.DefaultSelector):
    """Instead of waiting for a timer, goes to its time."""

    def __init__(self, limit_s: float) -> None:
        super().__init__()
        self.now = 0.0
        self._limit_s = limit_s

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout == 0:  # there is something to do: whatever comes from outside may come later
            return []
        if ready := super().select(0):
            return ready
        if timeout is None:
            raise NothingCanHappenError
        self.now += timeout
        if self.now > self._limit_s:
            self._limit_s += _LIMIT_S  # whoever cleans up may need some time too
            raise TooLongError(f"{self.now:.0f} s of virtual time have passed")
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Starts at 0 seconds. Threads are not waited for: work that is handed to one comes back at any later time."""

    def __init__(self, limit_s: float = _LIMIT_S) -> None:
        self._jumping = _JumpingSelector(limit_s)
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now

    async def getaddrinfo(self, *_: Any, **__: Any) -> Any:
        """There is no network; a thread that asks for one would be waited for at the end."""
        raise socket.gaierror("no name is known here")


def run_virtually(work: Coroutine[Any, Any, R], limit_s: float = _LIMIT_S) -> R:
    """As asyncio.run. Raises NothingCanHappenError, TooLongError."""
    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(limit_s)) as runner:
        return runner.run(work)


def virtually(scenario: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A test of the scenario on virtual time."""

    @wraps(scenario)
    def test(*args: P.args, **kwargs: P.kwargs) -> None:
        run_virtually(scenario(*args, **kwargs))

    return test
