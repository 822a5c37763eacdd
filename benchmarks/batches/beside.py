"""People who ask while a batch runs, and while none does: what it costs them."""

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from benchmarks.batches.batch import Batch
from benchmarks.batches.lines import AskedLine
from benchmarks.figures import percentile, ratio
from benchmarks.load.messages import LoadResult
from benchmarks.plan import LATER_MS, MODELS
from benchmarks.system import System
from benchmarks.usage import Others
from deploy.local.progress import say, step
from shared.client import Client

PEOPLES_MODEL = MODELS[LATER_MS]
MOST_RATIO = 1.3
_WARM_S = 1.0
_UNDER_WAY = 200  # lines done before people begin: its window has grown by then
_ENDS_S = 120.0


@dataclass(frozen=True)
class Turn:
    """What people saw for so long, and how many lines of a batch ended meanwhile; 0: there was none."""

    result: LoadResult
    lines: int

    def ms(self, share: float) -> float:
        return percentile(self.result.latencies_us, share) / 1000


@dataclass(frozen=True)
class Beside:
    """Turns without and with a batch, one after the other."""

    without: Sequence[Turn]
    beside: Sequence[Turn]

    @property
    def ratio(self) -> float:
        return ratio(pooled_ms(self.beside, 0.5), pooled_ms(self.without, 0.5))

    @property
    def is_whole(self) -> bool:
        """Every answer came."""
        return not any(turn.result.problems for turn in (*self.without, *self.beside))


def pooled_ms(turns: Iterable[Turn], share: float) -> float:
    return percentile([us for turn in turns for us in turn.result.latencies_us], share) / 1000


def lines_per_s(turns: Sequence[Turn]) -> float:
    return ratio(sum(turn.lines for turn in turns), sum(turn.result.seconds + _WARM_S for turn in turns))


def measured(system: System, lines: Sequence[AskedLine], turns: int, callers: int, seconds: float) -> Beside:
    """lines: of each batch, more than can end meanwhile."""
    people = _People(system, callers, seconds)
    with step("warm up"):
        people.ask()
    without, beside = [], []
    with Others(system.stage.pids | system.pids).told("people asked"):
        for number in range(turns):
            without.append(_said(f"{number + 1} of {turns}, without a batch", people.ask()))
            beside.append(_said(f"{number + 1} of {turns}, beside a batch", _beside_batch(people, system, lines)))
    return Beside(without, beside)


class _People:
    def __init__(self, system: System, callers: int, seconds: float) -> None:
        self._load = system.stage.load
        self._order = system.target.order(PEOPLES_MODEL, callers=callers, warm_s=_WARM_S, seconds=seconds)

    def ask(self, batch: Batch | None = None) -> Turn:
        before = 0 if batch is None else batch.done()
        result = self._load.run(self._order)
        return Turn(result, 0 if batch is None else batch.done() - before)


def _beside_batch(people: _People, system: System, lines: Sequence[AskedLine]) -> Turn:
    with tempfile.TemporaryDirectory(prefix="tallygate-batch-") as folder:
        batch = Batch(Client(system.api.gateway, system.api.key), Path(folder), lines)
        batch.wait_done(_UNDER_WAY, monotonic() + _ENDS_S)
        turn = people.ask(batch)
        batch.cancel()
        batch.wait_ended(monotonic() + _ENDS_S)
    return turn


def _said(when: str, turn: Turn) -> Turn:
    say(f"  {when}: p50 {turn.ms(0.5):.1f} ms, p99 {turn.ms(0.99):.1f} ms, {turn.lines:,} lines")
    return turn
