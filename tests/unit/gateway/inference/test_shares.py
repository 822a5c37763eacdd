from hypothesis import given
from hypothesis import strategies as st

from services.gateway.inference.shares import Shares


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 40), st.booleans()), max_size=60))
def test_what_is_held_is_never_more_than_there_is_and_what_is_given_back_is_free(
    moves: list[tuple[str, int, bool]],
) -> None:
    shares, taken = Shares(100, 0.5), list[tuple[str, int]]()
    for tenant, size, takes in moves:
        if takes and shares.take(tenant, size) is None:
            taken.append((tenant, size))
        elif not takes and taken:
            shares.give_back(*taken.pop())
        assert shares.held == sum(size for _, size in taken) <= 100
    while taken:
        shares.give_back(*taken.pop())
    assert (shares.held, shares.take("a", 100)) == (0, None)


def test_who_holds_half_is_refused_and_others_are_not() -> None:
    shares = Shares(100, 0.5)
    assert [shares.take("a", 25) for _ in range(3)] == [None, None, "over_share"]
    assert shares.take("b", 25) is None
    assert shares.take("c", 26) == "full"
