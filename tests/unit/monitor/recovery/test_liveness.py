"""Silence counts only while we could have heard."""

from services.monitor.recovery.liveness import SILENCE_LIMIT_S, Liveness


def listening(since: float = 0.0, until: float = 100.0) -> Liveness:
    liveness = Liveness()
    now = since
    while now <= until:
        liveness.looked(now)
        now += 1.0
    return liveness


def test_a_router_that_beats_is_alive() -> None:
    liveness = listening()
    liveness.heard("r1", False, 99.0)
    assert liveness.dead(["r1"], 100.0) == set()
    assert liveness.alive(100.0) == ["r1"]


def test_a_router_that_is_silent_for_the_limit_is_dead() -> None:
    liveness = listening()
    liveness.heard("r1", False, 100.0 - SILENCE_LIMIT_S - 0.1)
    assert liveness.dead(["r1"], 100.0) == {"r1"}


def test_a_router_that_was_never_heard_is_dead_once_we_have_listened_long_enough() -> None:
    assert listening(until=9.0).dead(["r1"], 9.0) == set()
    assert listening(until=11.0).dead(["r1"], 11.0) == {"r1"}


def test_a_router_that_said_it_stops_is_dead_at_once() -> None:
    liveness = listening()
    liveness.heard("r1", False, 100.0)
    liveness.heard("r1", True, 100.0)
    assert liveness.dead(["r1"], 100.0) == {"r1"}
    assert liveness.alive(100.0) == []


def test_after_a_gap_in_which_nothing_could_be_heard_a_whole_limit_is_given_again() -> None:
    liveness = listening(until=50.0)
    liveness.heard("r1", False, 49.0)
    liveness.looked(80.0)  # we were frozen, or the broker was away
    assert liveness.dead(["r1"], 80.0) == set()
    for second in range(81, 92):
        liveness.looked(float(second))
    assert liveness.dead(["r1"], 91.0) == {"r1"}


def test_only_those_that_are_asked_for_are_told() -> None:
    liveness = listening()
    liveness.heard("r1", False, 1.0)
    assert liveness.dead([], 100.0) == set()
