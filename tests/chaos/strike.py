"""Carries faults out, on the programs of one stack only."""

import asyncio
import os
import signal
import xmlrpc.client
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import psutil
from aiokafka.errors import KafkaError

from deploy.local.failure import LocalRunError
from tests.chaos import broker_disk, database
from tests.chaos.evidence import Struck
from tests.chaos.faults import ADDED_ROUTER, Fault, Kind, Planned
from tests.chaos.system import MONITOR_NAMES, System
from tests.chaos.upstream import Upstream

_RUNS_WITHIN_S = 25.0  # an earlier fault may still keep it down
_BROKER_WITHIN_S = 60.0
_LEASED_WITHIN_S = 45.0  # a dead router is missed after 10 s, once the monitor has heard for as long
_WRONG = (LocalRunError, xmlrpc.client.Fault, OSError, TimeoutError, KafkaError, asyncpg.PostgresError)


@dataclass(slots=True)
class Seen:
    """What was seen of a fault: as of Struck."""

    effect: str = ""
    relieved: bool | None = None


class Striker:
    """Each kind of fault is a context: it begins when that is entered, and is over when that is left."""

    def __init__(self, system: System, upstream: Upstream) -> None:
        self._system = system
        self._stack = system.stack
        self._upstream = upstream

    async def strike(self, planned: Planned) -> Struck:
        fault = planned.fault
        began_at, hit_at, pid, problem, seen = _now(), None, 0, None, Seen()
        if (left_out := self._system.left_out.get(fault.kind)) is not None:
            return Struck(planned, began_at, began_at, began_at, left_out=left_out)
        born = None
        try:
            if fault.kind not in ("add", "odd_events"):
                pid = await self._running_pid(fault.target)
                born = born_at(pid)
            began_at = _now()
            async with self._means(fault, pid)[fault.kind]() as seen:
                hit_at = _now()
                await asyncio.sleep(fault.hold_s)
        except _WRONG as error:
            problem = f"{type(error).__name__}: {error}"
        return Struck(planned, began_at, hit_at or _now(), _now(), pid, born, problem,
                      effect=seen.effect, relieved=seen.relieved)  # fmt: skip

    def _means(self, fault: Fault, pid: int) -> dict[Kind, Callable[[], AbstractAsyncContextManager[Seen]]]:
        return {
            "kill": lambda: self._signalled(fault.target, signal.SIGKILL),
            "term": lambda: self._signalled(fault.target, signal.SIGTERM),
            "freeze": lambda: self._frozen(pid),
            "freeze_holder": lambda: self._holder_frozen(pid),
            "cut": lambda: self._cut(pid),
            "add": self._added,
            "remove": self._removed,
            "read_only": self._read_only,
            "full": lambda: self._full(fault.target, pid),
            "clock": lambda: self._clock_moved(fault.target, fault.shift),
            "odd_events": self._odd_events,
        }

    @asynccontextmanager
    async def _signalled(self, target: str, number: signal.Signals) -> AsyncGenerator[Seen]:
        await asyncio.to_thread(self._stack.signal_program, target, number)
        yield Seen()

    @asynccontextmanager
    async def _frozen(self, pid: int) -> AsyncGenerator[Seen]:
        with _stopped(pid):
            yield Seen()

    @asynccontextmanager
    async def _holder_frozen(self, pid: int) -> AsyncGenerator[Seen]:
        """The router is killed first, so that there is something to recover. That needs broker and books."""
        for name in ("kafka", "postgres"):
            await asyncio.to_thread(self._stack.wait_ready, name, _RUNS_WITHIN_S)
        url, seen = self._system.database_url, Seen()
        monitors = {await self._running_pid(name): name for name in MONITOR_NAMES}
        with ExitStack() as freezing:
            async with database.recovery_held_up(url):
                os.kill(pid, signal.SIGKILL)
                holder = await database.lease_holder(url, _LEASED_WITHIN_S)
                if holder not in monitors:
                    raise LocalRunError(f"no monitor took the lease of recovery within {_LEASED_WITHIN_S:g} s")
                freezing.enter_context(_stopped(holder))
            yield seen
            seen.relieved = await database.lease_holder(url) != holder
            seen.effect = f"{monitors[holder]} {'lost' if seen.relieved else 'kept'} the lease"

    @asynccontextmanager
    async def _cut(self, pid: int) -> AsyncGenerator[Seen]:
        try:
            yield Seen(f"{await self._system.line.cut(pid)} connections")
        finally:
            self._system.line.mend(pid)

    @asynccontextmanager
    async def _added(self) -> AsyncGenerator[Seen]:
        await asyncio.to_thread(self._stack.add_router)
        yield Seen()

    @asynccontextmanager
    async def _removed(self) -> AsyncGenerator[Seen]:
        await asyncio.to_thread(self._stack.remove_router, ADDED_ROUTER)
        yield Seen()

    @asynccontextmanager
    async def _read_only(self) -> AsyncGenerator[Seen]:
        async with database.read_only(self._system.database_url):
            yield Seen()

    @asynccontextmanager
    async def _full(self, target: str, pid: int) -> AsyncGenerator[Seen]:
        """The broker halts when it cannot write, and is started by the supervisor until it can."""
        seen = Seen()
        with broker_disk.full(self._system.broker_folder):
            yield seen
            halted = await asyncio.to_thread(self._stack.pid, target) != pid
            seen.effect = "the broker halted" if halted else "the broker went on"

    @asynccontextmanager
    async def _clock_moved(self, target: str, shift: str) -> AsyncGenerator[Seen]:
        self._system.clocks.move(target, shift)
        try:
            yield Seen()
        finally:
            self._system.clocks.move(target)

    @asynccontextmanager
    async def _odd_events(self) -> AsyncGenerator[Seen]:
        """They need the broker, which an earlier fault may still keep down."""
        await asyncio.to_thread(self._stack.wait_ready, "kafka", _BROKER_WITHIN_S)
        yield Seen(f"{await self._upstream.publish_odd()} events")

    async def _running_pid(self, name: str) -> int:
        deadline = asyncio.get_running_loop().time() + _RUNS_WITHIN_S
        while not (pid := await asyncio.to_thread(self._stack.pid, name)):
            if asyncio.get_running_loop().time() > deadline:
                raise LocalRunError(f"{name} does not run, {_RUNS_WITHIN_S:g} s after it should")
            await asyncio.sleep(0.1)
        return pid


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    """Whatever happens, nothing is left standing still."""
    try:
        os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def born_at(pid: int) -> datetime | None:
    with suppress(psutil.Error):
        return datetime.fromtimestamp(psutil.Process(pid).create_time(), UTC)
    return None


def _now() -> datetime:
    return datetime.now(UTC)
