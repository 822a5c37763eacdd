"""A history that fails, with everything left out that it does not need for that."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.histories.history import Again, Cancel, History

Fails = Callable[[History], bool]


def shrunk(history: History, fails: Fails) -> History:
    """Greedy: whatever can be left out alone is left out, until nothing can."""
    while (smaller := next((one for one in _smaller(history) if fails(one)), None)) is not None:
        history = smaller
    return history


def _smaller(history: History) -> Iterator[History]:
    for fault in history.faults:
        yield replace(history, faults=tuple(one for one in history.faults if one is not fault))
    for request in history.requests[: len(history.requests) if len(history.requests) > 1 else 0]:
        faults = tuple(
            one for one in history.faults if not (isinstance(one, Again | Cancel) and one.request == request.name)
        )
        kept = tuple(one for one in history.requests if one is not request)
        yield replace(history, requests=kept, faults=faults)
    if history.latency_s:
        yield replace(history, latency_s=0.0)
