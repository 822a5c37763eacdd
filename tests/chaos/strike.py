"""Carries faults out, on the programs of one stack only."""

import asyncio
import signal
import xmlrpc.client
from datetime import UTC, datetime

from deploy.local.failure import LocalRunError
from deploy.local.stack import Stack
from tests.chaos.broker_line import BrokerLine
from tests.chaos.evidence import Struck
from tests.chaos.faults import ADDED_ROUTER, Fault, Planned

_RUNS_WITHIN_S = 25.0  # an earlier fault may still keep it down
_SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM, "freeze": signal.SIGSTOP}


class Striker:
    def __init__(self, stack: Stack, line: BrokerLine) -> None:
        self._stack = stack
        self._line = line

    async def strike(self, planned: Planned) -> Struck:
        began_at, hit_at, pid, problem = _now(), None, 0, None
        try:
            if planned.fault.kind != "add":
                pid = await self._running_pid(planned.fault.target)
            began_at = _now()
            await self._begin(planned.fault, pid)
            hit_at = _now()
            await asyncio.sleep(planned.fault.hold_s)
        except (LocalRunError, xmlrpc.client.Fault, OSError) as error:
            problem = f"{type(error).__name__}: {error}"
        finally:
            await self._end(planned.fault, pid)
        return Struck(planned, began_at, hit_at or _now(), _now(), pid, problem)

    async def _begin(self, fault: Fault, pid: int) -> None:
        if fault.kind == "add":
            await asyncio.to_thread(self._stack.add_router)
        elif fault.kind == "remove":
            await asyncio.to_thread(self._stack.remove_router, ADDED_ROUTER)
        elif fault.kind == "cut":
            await self._line.cut(pid)
        else:
            await asyncio.to_thread(self._stack.signal_program, fault.target, _SIGNALS[fault.kind])

    async def _end(self, fault: Fault, pid: int) -> None:
        """Whatever happened: nothing is left standing still or cut off."""
        if fault.kind == "cut":
            self._line.mend(pid)
        elif fault.kind == "freeze" and pid:
            await asyncio.to_thread(self._stack.signal_program, fault.target, signal.SIGCONT)

    async def _running_pid(self, name: str) -> int:
        deadline = asyncio.get_running_loop().time() + _RUNS_WITHIN_S
        while not (pid := await asyncio.to_thread(self._stack.pid, name)):
            if asyncio.get_running_loop().time() > deadline:
                raise LocalRunError(f"{name} does not run, {_RUNS_WITHIN_S:g} s after it should")
            await asyncio.sleep(0.1)
        return pid


def _now() -> datetime:
    return datetime.now(UTC)
