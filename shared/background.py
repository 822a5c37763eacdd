"""Tasks that run beside the rest of a process, from its start to its stop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakSet

import structlog

from shared.errors import TallygateError

logger = structlog.get_logger(__name__)

Errors = tuple[type[Exception], ...]


async def end_task(task: "asyncio.Task[None] | None") -> None:
    """Cancels it and returns when it has ended, at once when it was never started. What it raised is dropped."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


_started: "WeakSet[Background]" = WeakSet()  # and not stopped, of the whole process


def dead_tasks() -> list[str]:
    """Names of those that should run and do not: an error that nobody caught has ended them."""
    loop = asyncio.get_running_loop()
    return sorted(one.name for one in _started if one.dead_in(loop))


class Background:
    """One task: `run`, until it ends by itself or is stopped."""

    def __init__(self, name: str, run: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.name = name
        self._run = run
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=self.name)
        _started.add(self)

    async def stop(self) -> None:
        _started.discard(self)
        await end_task(self._task)

    def dead_in(self, loop: asyncio.AbstractEventLoop) -> bool:
        task = self._task
        if task is None or not task.done() or task.get_loop() is not loop:
            return False
        return task.cancelled() or task.exception() is not None

    @property
    def running(self) -> bool:
        return self._task is not None and not self._task.done()


class Periodic(Background):
    """Work that is done again and again: `every_s` after it was done last, or at once when it is woken.

    What fails is done again after `retry_s` (`every_s` unless given): the work finds by itself what there is to do.
    A TallygateError and the errors in `retried` are foreseen, so a line in the log is enough; any other is logged with
    its traceback.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        every_s: float,
        retried: Errors = (),
        *,
        retry_s: float | None = None,
        at_once: bool = True,
    ) -> None:
        """at_once: the first turn begins with the start; otherwise `every_s` after it."""
        super().__init__(name, self._turns)
        self._work = work
        self._every_s = every_s
        self._retried = retried
        self._retry_s = every_s if retry_s is None else retry_s
        self._at_once = at_once
        self._woken = asyncio.Event()
        self._finishing = False

    def wake(self) -> None:
        """A turn that has begun is followed by another one: it may have begun too early to see what there is to do."""
        self._woken.set()

    async def finish(self, within_s: float) -> None:
        """No further turn begins; the one in hand may end, for `within_s`. `stop` must follow."""
        self._finishing = True
        self.wake()
        if self._task is not None:
            await asyncio.wait((self._task,), timeout=within_s)

    async def _turns(self) -> None:
        if not self._at_once:
            await self._rest()
        while not self._finishing:
            if await self._is_done():
                await self._rest()
            else:
                await asyncio.sleep(self._retry_s)

    async def _is_done(self) -> bool:
        self._woken.clear()
        try:
            await self._work()
        except TallygateError as error:
            logger.warning("work.waiting", work=self.name, reason=error.failure.detail)
        except self._retried as error:
            logger.warning("work.waiting", work=self.name, reason=type(error).__name__)
        except Exception:
            logger.exception("work.failed", work=self.name)
        else:
            return True
        return False

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._every_s):
                await self._woken.wait()


class Part(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...


class OwnThread:
    """Parts that run in a thread and an event loop of their own, whatever the loop that starts them is busy with.

    They are started in their order and stopped backwards. What they share with the other loop must bear that.
    """

    def __init__(self, name: str, *parts: Part) -> None:
        self._parts = parts
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    async def start(self) -> None:
        self._thread.start()
        try:
            for part in self._parts:
                await self._there(part.start())
        except BaseException:
            await self._end()
            raise

    async def stop(self) -> None:
        try:
            for part in reversed(self._parts):
                await self._there(part.stop())
        finally:
            await self._end()

    async def _there(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
