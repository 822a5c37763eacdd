"""When what is claimed must be on record, if its router will call for it."""

from services.monitor.recovery.claimed import ClaimsSeen
from services.router.pulse import SILENT_AFTER_S
from shared.events.router import ON_RECORD_WITHIN_S, RECORD_IS_THERE_AFTER_S, SILENCE_LIMIT_S

_W = RECORD_IS_THERE_AFTER_S


def test_a_router_gives_up_before_the_monitor_hands_out_and_nothing_of_the_dead_waits_longer_than_their_silence() -> (
    None
):
    """Two seconds for clocks that run at different rates."""
    assert ON_RECORD_WITHIN_S + 2.0 <= RECORD_IS_THERE_AFTER_S <= SILENT_AFTER_S < SILENCE_LIMIT_S


def test_long_ago_is_what_was_seen_so_long_before() -> None:
    seen = ClaimsSeen()
    told = [seen.saw({0: at}, float(at)) for at in range(20)]
    assert [claimed.now for claimed in told] == [{0: at} for at in range(20)]
    assert [claimed.long_ago for claimed in told] == [{}] * int(_W) + [{0: at} for at in range(20 - int(_W))]


def test_after_a_time_without_looks_the_last_one_before_it_is_long_ago() -> None:
    seen = ClaimsSeen()
    for at in range(3):
        seen.saw({0: at}, float(at))
    assert seen.saw({0: 9}, 100.0).long_ago == {0: 2}
    assert seen.saw({0: 9}, 100.0 + _W - 0.1).long_ago == {0: 2}
    assert seen.saw({0: 9}, 100.0 + _W).long_ago == {0: 9}


def test_of_a_long_time_only_what_is_needed_is_kept() -> None:
    seen = ClaimsSeen()
    for at in range(10_000):
        seen.saw({}, float(at))
    assert len(seen._seen) <= _W + 1
