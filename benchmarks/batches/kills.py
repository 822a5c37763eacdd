"""Kill every program in turn while a batch runs, spread over its lines, so that a slow machine has as many."""

import signal
from collections.abc import Iterator, Sequence
from time import monotonic

from benchmarks.batches.batch import Batch
from deploy.local.programs import monitor_name, router_name
from deploy.local.progress import say
from deploy.local.stack import Stack
from shared.clock import utc_now
from tests.chaos.evidence import Struck
from tests.chaos.faults import Fault, Planned
from tests.chaos.strike import born_at

PROGRAMS = ("jobs", router_name(0), "gateway", monitor_name(0), "kafka")
_READY_S = 120.0  # a busy machine starts a broker slowly


def killed_in_turn(stack: Stack, batch: Batch, lines: int, kills: int, deadline: float) -> Iterator[Struck]:
    """kills: of each program. The next follows when the last one is ready again, and more lines have ended."""
    planned: Sequence[str] = PROGRAMS * kills
    began = monotonic()
    for place, name in enumerate(planned, 1):
        batch.wait_done(lines * place // (len(planned) + 1), deadline)
        struck = _killed(stack, name, monotonic() - began)
        say(f"  {struck.planned.at_s:5.0f} s: {struck.planned.fault}, {batch.done():,} lines done")
        yield struck


def _killed(stack: Stack, name: str, at_s: float) -> Struck:
    pid = stack.pid(name)
    born, began_at = born_at(pid), utc_now()
    stack.signal_program(name, signal.SIGKILL)
    hit_at = utc_now()
    stack.wait_ready(name, _READY_S)
    return Struck(Planned(at_s, Fault("kill", name)), began_at, hit_at, utc_now(), pid, born)
