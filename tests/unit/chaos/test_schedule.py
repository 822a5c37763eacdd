from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.schedule import FIRST_AT_S, FULL, SHORT, Pace, load_s, schedule

seeds = st.integers(0, 2**32)
counts = st.integers(1, 60)
paces = st.sampled_from([FULL, SHORT])


@given(seeds, counts, paces)
def test_the_same_seed_is_the_same_schedule(seed: int, faults: int, pace: Pace) -> None:
    assert schedule(seed, faults, pace) == schedule(seed, faults, pace)


@given(seeds, counts, paces)
def test_faults_come_one_after_the_other(seed: int, faults: int, pace: Pace) -> None:
    planned = schedule(seed, faults, pace)
    assert len(planned) == faults
    assert planned[0].at_s == FIRST_AT_S
    for before, after in pairwise(planned):
        assert after.at_s >= before.at_s + before.fault.hold_s + pace.gap_s[0] - 0.2
    assert load_s(planned) > planned[-1].at_s + planned[-1].fault.hold_s


@given(seeds)
def test_twenty_faults_hold_every_choice_at_least_once(seed: int) -> None:
    found = Counter((one.fault.kind, one.fault.target.partition("-")[0]) for one in schedule(seed, 20))
    assert {(choice.kind, choice.role) for choice in FULL.choices} <= set(found)


@given(seeds, counts)
def test_a_router_is_removed_only_after_it_was_added(seed: int, faults: int) -> None:
    changes = [one.fault.kind for one in schedule(seed, faults) if one.fault.on_membership]
    assert all(kind == ("remove" if place % 2 else "add") for place, kind in enumerate(changes))


@given(seeds, counts)
def test_what_stands_still_does_so_within_its_bounds(seed: int, faults: int) -> None:
    for planned in schedule(seed, faults):
        assert (planned.fault.hold_s > 0) == (planned.fault.kind in ("freeze", "cut"))
        assert planned.fault.hold_s <= 18.0


def test_another_seed_is_another_schedule() -> None:
    assert len({tuple(schedule(seed, 20)) for seed in range(20)}) == 20
