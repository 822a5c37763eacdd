"""Pure: how long a batch waits after a round, and whether others have its place in the worker meanwhile."""

from typing import NamedTuple

TURN_S = 30.0  # of feeding; then whoever waits for a place comes first

_FIRST_S, _GROWTH, _LONGEST_S = 0.05, 1.5, 5.0
_LONGEST_LATER_S = 10.0
_REST_S = 1.0  # as often as workers look for batches


class Rest(NamedTuple):
    """The batch gives up its place for so many seconds at least. idle: rounds in a row that brought nothing."""

    for_s: float
    idle: int


def pause_s(idle: int, later_s: float | None) -> float:
    """later_s: after which a gateway may take lines again that it has just refused."""
    pause = min(_FIRST_S * _GROWTH ** min(idle, 20), _LONGEST_S)
    return pause if later_s is None else min(max(pause, later_s), _LONGEST_LATER_S)


def rest(idle: int, pause: float, fed_s: float) -> Rest | None:
    """None: the batch keeps its place. fed_s: for so long it has had it."""
    if pause >= _REST_S:
        return Rest(pause, idle)
    return Rest(_FIRST_S, idle) if fed_s >= TURN_S else None  # not taken again before this turn has ended
