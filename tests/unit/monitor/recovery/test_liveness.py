"""Silence counts only while we could have heard."""

from datetime import UTC, datetime, timedelta

import pytest

from services.monitor.recovery.liveness import Liveness
from shared.events import RouterHeartbeat
from shared.events.router import SILENCE_LIMIT_S

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def beat(router: str, *, life_s: float = 0.0, beat_s: float = 0.0, stopped: bool = False) -> RouterHeartbeat:
    """Of the life that began at life_s, said at beat_s; both in seconds after BEGAN by the router's clock."""
    began_at, said_at = (BEGAN + timedelta(seconds=seconds) for seconds in (life_s, beat_s))
    return RouterHeartbeat(router_id=router, started_at=began_at, beat_at=said_at, stopped=stopped)


def listening(since: float = 0.0, until: float = 100.0) -> Liveness:
    liveness = Liveness()
    now = since
    while now <= until:
        liveness.looked(now)
        now += 1.0
    return liveness


def test_a_router_that_beats_is_alive() -> None:
    liveness = listening()
    liveness.heard(beat("r1"), 99.0)
    assert liveness.dead(["r1"], 100.0) == set()
    assert liveness.alive(100.0) == ["r1"]


def test_a_router_that_is_silent_for_the_limit_is_dead() -> None:
    liveness = listening()
    liveness.heard(beat("r1"), 100.0 - SILENCE_LIMIT_S - 0.1)
    assert liveness.dead(["r1"], 100.0) == {"r1"}


def test_a_router_that_was_never_heard_is_dead_once_we_have_listened_long_enough() -> None:
    assert listening(until=9.0).dead(["r1"], 9.0) == set()
    assert listening(until=11.0).dead(["r1"], 11.0) == {"r1"}


def test_a_router_that_said_it_stops_is_dead_at_once() -> None:
    liveness = listening()
    liveness.heard(beat("r1"), 100.0)
    liveness.heard(beat("r1", stopped=True), 100.0)
    assert liveness.dead(["r1"], 100.0) == {"r1"}
    assert liveness.alive(100.0) == []


def test_after_a_gap_in_which_nothing_could_be_heard_a_whole_limit_is_given_again() -> None:
    liveness = listening(until=50.0)
    liveness.heard(beat("r1"), 49.0)
    liveness.looked(80.0)  # we were frozen, or the broker was away
    assert liveness.dead(["r1"], 80.0) == set()
    for second in range(81, 92):
        liveness.looked(float(second))
    assert liveness.dead(["r1"], 91.0) == {"r1"}


def test_only_those_that_are_asked_for_are_told() -> None:
    liveness = listening()
    liveness.heard(beat("r1"), 1.0)
    assert liveness.dead([], 100.0) == set()


@pytest.mark.parametrize("life_s", [-3600.0, 60.0])
def test_a_name_that_stopped_and_is_used_again_is_alive_whatever_the_clock_says(life_s: float) -> None:
    liveness = listening()
    liveness.heard(beat("r1", stopped=True), 98.0)
    liveness.heard(beat("r1", life_s=life_s, beat_s=life_s), 99.0)
    assert liveness.dead(["r1"], 100.0) == set()
    assert liveness.alive(100.0) == ["r1"]


def test_the_stop_of_one_life_does_not_end_another_of_the_same_name() -> None:
    liveness = listening()
    liveness.heard(beat("r1", life_s=60.0, beat_s=60.0), 98.0)
    liveness.heard(beat("r1", beat_s=61.0, stopped=True), 99.0)
    assert liveness.dead(["r1"], 100.0) == set()


def test_a_life_that_beats_after_its_stop_is_alive_unless_the_beat_is_older() -> None:
    liveness = listening()
    liveness.heard(beat("r1", beat_s=9.0, stopped=True), 98.0)
    liveness.heard(beat("r1", beat_s=7.0), 98.5)
    assert liveness.dead(["r1"], 100.0) == {"r1"}
    liveness.heard(beat("r1", beat_s=11.0), 99.0)
    assert liveness.dead(["r1"], 100.0) == set()


def test_the_living_life_counts_also_when_we_could_not_hear_it() -> None:
    liveness = listening(until=50.0)
    liveness.heard(beat("r1", life_s=60.0, beat_s=60.0), 49.0)
    liveness.heard(beat("r1", beat_s=61.0, stopped=True), 50.0)
    liveness.looked(500.0)
    assert liveness.dead(["r1"], 500.0) == set()


def test_lives_that_ended_are_forgotten() -> None:
    liveness = listening()
    for number in range(1000):
        liveness.heard(beat(f"r{number}", stopped=number % 2 == 0), 100.0)
    for second in range(101, 200):
        liveness.looked(float(second))
    assert liveness.last_beats == {}
    assert liveness.dead(["r1", "r2"], 200.0) == {"r1", "r2"}


def test_who_was_heard_is_shown_with_what_it_last_said() -> None:
    liveness = listening()
    liveness.heard(beat("r2", stopped=True), 95.0)
    liveness.heard(beat("r1", beat_s=1.0).model_copy(update={"in_flight": 4}), 99.0)
    liveness.heard(beat("r1", life_s=-60.0), 100.0 - SILENCE_LIMIT_S - 1.0)

    seen = [(router.router_id, router.state, router.in_flight, router.silent_s) for router in liveness.seen(100.0)]

    assert seen == [("r1", "alive", 4, 1.0), ("r1", "silent", 0, SILENCE_LIMIT_S + 1.0), ("r2", "stopped", 0, 5.0)]
