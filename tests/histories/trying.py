"""Plays the history of a seed, and says what is to be said when something does not hold in it."""

from dataclasses import dataclass

from tests.histories.generating import make
from tests.histories.history import History
from tests.histories.invariants import violations
from tests.histories.playing import play
from tests.histories.promises import Violation
from tests.histories.shrinking import shrunk

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Broken:
    """history: as small as it still breaks the invariant."""

    seed: int
    history: History
    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        said = "\n".join(f"  ✗ {violation}" for violation in self.violations[:_SHOWN])
        return f'seed {self.seed} (make histories SEEDS="{self.seed}"):\n{self.history}\n{said}'


def broken_by(seed: int, *, shrink: bool = True) -> Broken | None:
    """None when everything holds."""
    history = make(seed)
    found = violations(play(history))
    if not found:
        return None
    invariant = found[0].invariant
    if shrink:
        history = shrunk(history, lambda smaller: _breaks(smaller, invariant))
        found = violations(play(history))
    return Broken(seed, history, tuple(found))


def _breaks(history: History, invariant: str) -> bool:
    return any(violation.invariant == invariant for violation in violations(play(history)))
