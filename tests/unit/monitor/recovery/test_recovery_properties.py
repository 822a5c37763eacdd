"""Of offsets, deadlines and redelivery, whatever their values: what is handed out again, and who is declared dead."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.monitor.recovery.liveness import Liveness
from services.monitor.recovery.orphans import Orphan, decide
from shared.events.router import SILENCE_LIMIT_S
from tests.unit.monitor.recovery.test_liveness import beat
from tests.unit.monitor.recovery.test_orphans import NOW, ORPHAN

orphans = st.builds(
    lambda delivery, offset, left_s: replace(
        ORPHAN, delivery=delivery, request_offset=offset, deadline_at=NOW + timedelta(seconds=left_s)
    ),
    st.integers(1, 9),
    st.integers(0, 50),
    st.integers(-50, 50),
)
committed = st.integers(0, 60)
limits = st.integers(1, 9)


@given(orphans, committed, limits)
def test_what_was_not_claimed_is_left_to_kafka_and_nothing_else_is(orphan: Orphan, offset: int, most: int) -> None:
    action = decide(orphan, {orphan.request_partition: offset}, most, NOW)
    assert (action == "leave") == (offset <= orphan.request_offset)


@given(orphans, committed, limits)
def test_it_is_handed_out_only_within_its_deadline_and_deliveries(orphan: Orphan, offset: int, most: int) -> None:
    if decide(orphan, {orphan.request_partition: offset}, most, NOW) == "redeliver":
        assert orphan.deadline_at > NOW
        assert orphan.delivery < most


@given(orphans, limits, st.lists(st.integers(0, 30), max_size=12))
def test_an_orphan_that_is_lost_again_and_again_comes_to_an_end(orphan: Orphan, most: int, waits_s: list[int]) -> None:
    """It is handed out most - 1 times at most, and never comes back to life after its end."""
    now, ended, handed_out = NOW, False, 0
    for wait_s in waits_s:
        now += timedelta(seconds=wait_s)
        action = decide(orphan, {orphan.request_partition: orphan.request_offset + 1}, most, now)
        if action == "redeliver":
            assert not ended
            handed_out += 1
            orphan = replace(orphan, delivery=orphan.delivery + 1)
        ended = action in ("expire", "give_up")
    assert handed_out <= max(0, most - 1)


@given(st.lists(st.tuples(st.floats(0.1, 20.0), st.booleans()), max_size=40))
def test_nobody_is_dead_who_was_heard_within_the_limit_or_could_not_be_heard(steps: list[tuple[float, bool]]) -> None:
    """Each step: so much later we look at the topic, and the router has beaten or not."""
    liveness, now = Liveness(), 0.0
    heard_at = looked_at = listening_since = float("-inf")
    for later_s, beats in steps:
        now += later_s
        if beats:
            heard_at = now
            liveness.heard(beat("r1"), now)
        if now - looked_at > 5.0:
            listening_since = now
        looked_at = now
        liveness.looked(now)
        if liveness.dead(["r1"], now):
            assert now - heard_at > SILENCE_LIMIT_S
            assert now - listening_since > SILENCE_LIMIT_S
