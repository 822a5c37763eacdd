"""What is measured, and in which order: the targets take turns, so that drift of the machine hits all alike."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from benchmarks.endpoint.behaviour import AT_ONCE

DIRECT, PROXY, TALLYGATE = "direct", "proxy", "tallygate"

AT_ONCE_MS, LATER_MS = 0, 50
MODELS = {AT_ONCE_MS: AT_ONCE, LATER_MS: f"after-{LATER_MS}"}


class Point(NamedTuple):
    """So many callers, each one call after the other, of one target whose model answers after `delay_ms`."""

    target: str
    callers: int
    delay_ms: int

    def __str__(self) -> str:
        callers = "1 caller" if self.callers == 1 else f"{self.callers} callers"
        when = f"in {self.delay_ms} ms" if self.delay_ms else "at once"
        return f"{self.target}, {callers}, model answers {when}"


def round_points(targets: Sequence[str], callers: Iterable[int]) -> list[Point]:
    counts = list(callers)
    return [
        Point(target, count, delay_ms) for delay_ms in (LATER_MS, AT_ONCE_MS) for count in counts for target in targets
    ]


def warm_up_points(targets: Sequence[str]) -> list[Point]:
    return [Point(target, 16, AT_ONCE_MS) for target in targets]
