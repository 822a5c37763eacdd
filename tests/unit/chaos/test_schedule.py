from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.schedule import FULL, ROLES, SHORT, Pace, load_s, schedule, schedule_within

seeds = st.integers(0, 2**32)
counts = st.integers(1, 60)
paces = st.sampled_from([FULL, SHORT])
AT_ONCE = {"kill", "term", "add", "remove", "odd_events"}


@given(seeds, counts, paces)
def test_the_same_seed_is_the_same_schedule(seed: int, faults: int, pace: Pace) -> None:
    assert schedule(seed, faults, pace) == schedule(seed, faults, pace)


@given(seeds, counts, paces)
def test_faults_come_one_after_the_other(seed: int, faults: int, pace: Pace) -> None:
    planned = schedule(seed, faults, pace)
    assert len(planned) == faults
    assert planned[0].at_s == pace.first_at_s
    for before, after in pairwise(planned):
        assert after.at_s >= before.at_s + before.fault.hold_s + pace.gap_s[0] - 0.2
    assert load_s(planned) > planned[-1].at_s + planned[-1].fault.hold_s


@given(seeds)
def test_28_faults_hold_every_choice_at_least_once(seed: int) -> None:
    found = Counter((one.fault.kind, one.fault.target) for one in schedule(seed, 28))
    for choice in FULL.choices:
        targets = {"router-2"} if choice.kind in ("add", "remove") else set(ROLES[choice.role])
        assert any(kind == choice.kind and target in targets for kind, target in found), choice


@given(seeds, counts)
def test_a_router_is_removed_only_after_it_was_added(seed: int, faults: int) -> None:
    changes = [one.fault.kind for one in schedule(seed, faults) if one.fault.on_membership]
    assert all(kind == ("remove" if place % 2 else "add") for place, kind in enumerate(changes))


@given(seeds, counts)
def test_what_lasts_does_so_within_its_bounds(seed: int, faults: int) -> None:
    for planned in schedule(seed, faults):
        assert (planned.fault.hold_s > 0) == (planned.fault.kind not in AT_ONCE)
        assert planned.fault.hold_s <= 26.0
        assert bool(planned.fault.shift) == (planned.fault.kind == "clock")


@given(seeds, st.floats(60, 3600), st.floats(1, 60))
def test_a_long_run_is_filled_with_faults_that_are_over_by_its_end(seed: int, seconds: float, every_s: float) -> None:
    planned = schedule_within(seed, seconds, FULL._replace(every_s=every_s))
    longest = max(choice.hold_s[1] for choice in FULL.choices)
    assert all(one.at_s + one.fault.hold_s < seconds for one in planned)
    assert all(after.at_s - before.at_s > every_s - 0.2 for before, after in pairwise(planned))
    last_at_s = planned[-1].at_s if planned else 0.0
    assert last_at_s > seconds - 2 * longest - max(every_s, longest + FULL.gap_s[1])


def test_another_seed_is_another_schedule() -> None:
    assert len({tuple(schedule(seed, 24)) for seed in range(20)}) == 20
