import pytest

from services.jobs.batches.pacing import TURN_S, Rest, pause_s, rest


def test_who_waits_in_vain_waits_longer_and_gives_up_its_place() -> None:
    pauses = [pause_s(idle, None) for idle in range(100)]
    rested = [rest(idle, pause, 0.0) for idle, pause in enumerate(pauses)]

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.05, 5.0)
    assert rested[0] is None
    assert rested[-1] == Rest(5.0, 99)


@pytest.mark.parametrize(
    ("later_s", "pause"), [(0.01, 0.05), (3.0, 3.0), (3600.0, 10.0)], ids=["soon", "later", "much-later"]
)
def test_who_is_refused_waits_as_long_as_was_said_but_looks_again(later_s: float, pause: float) -> None:
    assert pause_s(0, later_s) == pause


def test_a_turn_ends_for_whoever_is_busy_too() -> None:
    assert rest(0, 0.05, TURN_S - 1) is None
    assert rest(0, 0.05, TURN_S) == Rest(0.05, 0)
