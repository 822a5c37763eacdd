"""Pure: how long an honest tenant waits beside a hostile one, apart from the faults that hit everybody."""

import statistics
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from tests.chaos.evidence import HONEST, Evidence, Note, Struck
from tests.chaos.mix import QUICK

# Two cores carry everything, and other programs beside it. Alone, the p50 is some 20 ms.
P99_WITHIN_S = 5.0
# The partitions of a dead router come to another one after 10 s; then what has waited is caught up with.
_NOTICED_FOR = timedelta(seconds=15)
_OVER_AT_ONCE = ("kill", "term", "freeze_holder")  # of what is struck; the freeze is of a monitor


class Waits(NamedTuple):
    """Of the model that answers at once, in seconds; everything: also under faults."""

    calm: Sequence[float]
    everything: Sequence[float]


def waits(evidence: Evidence) -> Waits:
    quick = [one for one in evidence.notes if one.asker == HONEST and one.model == f"custom:{QUICK}" and one.status]
    windows = [_window(struck) for struck in evidence.struck if _is_noticed(struck)]
    calm = [one.took_s for one in quick if not any(_within(one, window) for window in windows)]
    return Waits(calm, [one.took_s for one in quick])


def percentile(values: Sequence[float], percent: int) -> float:
    """0 of nothing."""
    if len(values) < 2:
        return max(values, default=0.0)
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def _is_noticed(struck: Struck) -> bool:
    """Callers need no monitor and no jobs, and what is sent upstream is not theirs."""
    fault = struck.planned.fault
    return struck.left_out is None and fault.kind != "odd_events" and not fault.target.startswith(("monitor", "jobs"))


def _window(struck: Struck) -> tuple[datetime, datetime]:
    over_at = struck.began_at if struck.planned.fault.kind in _OVER_AT_ONCE else struck.ended_at
    return struck.began_at, over_at + _NOTICED_FOR


def _within(note: Note, window: tuple[datetime, datetime]) -> bool:
    if note.asked_at is None:
        return True
    return note.asked_at <= window[1] and note.asked_at + timedelta(seconds=note.took_s) >= window[0]
