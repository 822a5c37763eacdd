"""Records of claims that come long after their commits, which few seeds have: nobody calls twice, nothing is forgotten.

What the code does instead is broken on purpose here as in `mutants.py`; each history notices it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple
from unittest import mock

import pytest

from services.monitor.recovery.claimed import Claimed, ClaimsSeen
from services.router import claims
from tests.histories.history import Fault, History, Kill, Request, Trouble
from tests.histories.invariants import violations
from tests.histories.playing import play
from tests.histories.promises import OVER, RECOVERED
from tests.support.memory import monitor as memory
from tests.support.scripted_transport import Answer

_ROUTERS = ("router-1", "router-2")
_ASKED_AT_S = 15.0  # by then monitors know who lives


class Broken(NamedTuple):
    """What the code does instead, and what does not hold then."""

    name: str
    target: object
    attribute: str
    instead: object
    faults: tuple[Fault, ...]
    invariant: str


def slow_records(slow_s: float, at_s: float = _ASKED_AT_S, count: int = 1) -> tuple[Fault, ...]:
    """Both ways take slow_s."""
    return tuple(Trouble(router, at_s - 0.01, "produce", "slow", 0, count, slow_s) for router in _ROUTERS)


def _as_if_long_ago(_self: object, claimed: Mapping[int, int], _now: float) -> Claimed:
    return Claimed(claimed, claimed)


_is_claimed = memory._is_claimed


def _only_on_record(row: Any, claimed: Claimed) -> bool:
    return row["router_id"] is not None and _is_claimed(row, claimed)


def _at_once_when_on_record(row: Any, claimed: Claimed) -> bool:
    return _is_claimed(row, claimed if row["router_id"] is None else Claimed(claimed.now, claimed.now))


_DEATH = (*slow_records(2.0), *(Kill(router, _ASKED_AT_S + 1.0, 0, 30.0) for router in _ROUTERS))
_LATER = tuple(Trouble(router, _ASKED_AT_S - 0.01, "commit", "fenced") for router in _ROUTERS)
BROKEN = (
    Broken("redeliver at once", ClaimsSeen, "saw", _as_if_long_ago, slow_records(2.0), OVER),
    Broken("call however late", claims, "ON_RECORD_WITHIN_S", float("inf"), slow_records(10.0), OVER),
    Broken("forget what is not on record", memory, "_is_claimed", _only_on_record, slow_records(16.0), RECOVERED),
    Broken(
        "wait only for what is not on record", memory, "_is_claimed", _at_once_when_on_record,
        (*_LATER, *slow_records(2.0, _ASKED_AT_S + 2.0, 2)), OVER,
    ),
)  # fmt: skip


def broken_in(faults: tuple[Fault, ...]) -> set[str]:
    asked = Request("r", _ASKED_AT_S, 60.0, (Answer(0.5),))
    return {found.invariant for found in violations(play(History(1, 2, 1, 0, (asked,), faults, 0.0)))}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_what_is_broken_is_noticed_and_what_is_not_holds(broken: Broken) -> None:
    assert broken_in(broken.faults) == set()
    with mock.patch.object(broken.target, broken.attribute, broken.instead):
        assert broken.invariant in broken_in(broken.faults)


def test_a_router_that_dies_between_the_commit_and_the_record_loses_nothing() -> None:
    assert broken_in(_DEATH) == set()
