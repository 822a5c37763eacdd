"""The CPU that a few lines take, told apart from what else the process does."""

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_MOST_GROWTH = 8.0  # from a quarter to the whole: 4 is linear, 16 quadratic
_MOMENT_S = 0.05  # what takes no longer has no growth that could be measured
_TRIES = 5


@contextmanager
def cpu_time() -> Iterator[Callable[[], float]]:
    """The seconds of CPU that this thread has taken since. Garbage is not collected meanwhile: among the objects of
    thousands of tests that takes longer than what is measured."""
    gc.disable()
    began = time.thread_time()
    try:
        yield lambda: time.thread_time() - began
    finally:
        gc.enable()


def linear_fault(work: Callable[[str], object], unit: str, head: str = "", *, size: int = 256 * 1024) -> str | None:
    """Why the work on `size` characters of `unit`s takes more than a time in proportion to their number, or None.

    How fast the machine is does not matter, nor what else it does, as that only adds: the least of some runs is taken.
    """
    short, long = (head + unit * (size // len(unit) + 1) for size in (size // 4, size))

    def took(text: str) -> float:
        with cpu_time() as spent:
            work(text)
            return spent()

    if (long_s := took(long)) < _MOMENT_S:
        return None
    short_s = min(took(short), took(short))
    for _ in range(_TRIES):
        if long_s < _MOST_GROWTH * short_s:
            return None
        long_s = min(long_s, took(long))
    return f"{short_s:.3f} s for {size // 4} characters like {unit[:40]!r}, {long_s:.3f} s for {size}"
