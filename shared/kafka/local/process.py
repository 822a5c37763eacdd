"""One process as the broker in memory sees it: what it asks for takes its time, may fail, and ends with it."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from aiokafka.errors import KafkaError, RequestTimedOutError

from shared.kafka.local.cluster import LocalCluster
from shared.kafka.local.faults import Ask, Fault, Operation

R = TypeVar("R")

_NO_FAULT = Fault()


class Process:
    def __init__(self, cluster: LocalCluster, name: str) -> None:
        self.cluster = cluster
        self.name = name
        self.killed = False
        # Both in the order of their beginning: whatever is done to them is done in the same order each time.
        self._loops: dict[asyncio.Task[Any], None] = {}
        self._requests: dict[asyncio.Task[Any], None] = {}

    def kill(self) -> None:
        """Its loops end. Its requests are never answered, so whoever waits for one learns nothing more."""
        self.killed = True
        for loop in self._loops:
            loop.cancel()

    def run(self, loop: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        return _keep(loop, self._loops)

    def send(self, request: Coroutine[Any, Any, R]) -> asyncio.Task[R]:
        """A request goes its way, even when whoever sent it waits for it no more."""
        return _keep(request, self._requests)

    async def perform(self, operation: Operation, effect: Callable[[], R]) -> R:
        """One request and its answer. Raises the fault's error, or the KafkaError that the effect raises."""
        fault = self.fault_of(operation)
        await self.pause(fault.before_s)
        answer = _answer(effect) if fault.applied else _failing(fault.error or RequestTimedOutError())
        await self.pause(fault.after_s)
        if fault.error is not None:
            raise fault.error
        return answer()

    async def ask(self, verb: str, answer: Callable[[], R]) -> R:
        return await self.perform(Ask(self.name, verb), answer)

    def fault_of(self, operation: Operation) -> Fault:
        return self.cluster.faults(operation) or _NO_FAULT

    async def pause(self, seconds: float) -> None:
        """Others get a turn, even when no time passes. Does not return in a process that has been killed."""
        await asyncio.sleep(0 if math.isinf(seconds) else seconds)
        if self.killed or math.isinf(seconds):
            await asyncio.get_running_loop().create_future()


def _keep(work: Coroutine[Any, Any, R], running: dict[asyncio.Task[Any], None]) -> asyncio.Task[R]:
    task = asyncio.create_task(work)
    running[task] = None
    task.add_done_callback(lambda done: running.pop(done, None))
    return task


def _answer(effect: Callable[[], R]) -> Callable[[], R]:
    """The client hears later of what the broker has done, or why it has not."""
    try:
        answer = effect()
    except KafkaError as error:
        return _failing(error)
    return lambda: answer


def _failing(error: Exception) -> Callable[[], NoReturn]:
    def fail() -> NoReturn:
        raise error

    return fail
