"""How routers share what a model may have at a time, over whatever they want (decision 0044)."""

from hypothesis import given
from hypothesis import strategies as st

from services.router.sharing import Claimant, entitled, share

CLAIMANTS = st.lists(
    st.tuples(st.integers(0, 20), st.integers(0, 30), st.floats(0, 60)), min_size=1, max_size=6
).map(lambda rows: [Claimant(f"r{number}", *row) for number, row in enumerate(rows)])  # fmt: skip


@given(st.integers(1, 40), CLAIMANTS)
def test_all_that_there_is_is_divided_and_who_wants_no_more_than_an_even_part_has_it(
    limit: int, claimants: list[Claimant]
) -> None:
    parts = entitled(limit, claimants)
    assert sum(parts.values()) == limit
    for one in claimants:
        assert parts[one.router_id] >= min(one.wanted, limit // len(claimants))
    unsatisfied = [parts[one.router_id] for one in claimants if parts[one.router_id] < one.wanted]
    assert max(unsatisfied, default=0) - min(unsatisfied, default=0) <= 1
    if unsatisfied:
        assert all(parts[one.router_id] <= one.wanted for one in claimants), "nothing lies idle while others want it"


@given(st.integers(1, 40), CLAIMANTS, st.data())
def test_what_all_hold_never_comes_to_more_than_the_limit(
    limit: int, claimants: list[Claimant], data: st.DataObject
) -> None:
    held = dict.fromkeys((one.router_id for one in claimants), 0)
    for _ in range(20):
        asks = data.draw(st.sampled_from(claimants))
        floor = data.draw(st.integers(0, held[asks.router_id]))
        others = [one._replace(held=held[one.router_id]) for one in claimants if one is not asks]
        given = share(limit, asks._replace(held=held[asks.router_id]), floor, others)
        assert given.held >= floor
        held[asks.router_id] = given.held
        assert sum(held.values()) <= limit


def test_a_single_place_goes_to_who_has_waited_longest() -> None:
    claimants = [Claimant("a", 1, 3, 0.1), Claimant("b", 0, 1, 2.0), Claimant("c", 0, 9, 1.0)]
    assert entitled(1, claimants) == {"a": 0, "b": 1, "c": 0}
    assert share(1, claimants[1], 0, [claimants[0], claimants[2]]) == (0, 1, True), "who has it is told to let go"
    assert share(1, claimants[0], 0, claimants[1:]) == (0, 0, True), "and who waits, that it may ask"
