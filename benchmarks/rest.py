"""What processes take while nobody asks for anything."""

import time
from collections.abc import Mapping

from benchmarks import usage

_SETTLES_S = 5.0  # what load has left to do in the background is done by then


def at_rest(pids: Mapping[str, int], seconds: float) -> dict[str, float]:
    """Percent of a core, by process."""
    time.sleep(_SETTLES_S)
    before, began = usage.cpu_by_process(pids), time.monotonic()
    time.sleep(seconds)
    after, took_s = usage.cpu_by_process(pids), time.monotonic() - began
    return {name: 100 * (after[name] - before[name]) / took_s for name in pids}
