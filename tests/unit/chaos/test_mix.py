from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from deploy.model_server.behaviours import UNKNOWN_MODEL, behaviour_of
from tests.chaos.mix import MODELS, ask


@given(st.integers(0, 2**32), st.integers(0, 10_000))
def test_the_same_request_of_a_seed_is_the_same(seed: int, number: int) -> None:
    assert ask(seed, number) == ask(seed, number)


def test_no_two_requests_share_their_text_or_key() -> None:
    asked = [ask(1, number) for number in range(2000)]
    assert len({one.text for one in asked}) == len({one.key for one in asked}) == 2000


def test_the_shares_are_percent_and_the_model_server_knows_them_all() -> None:
    assert sum(model.share for model in MODELS) == 100
    assert all(behaviour_of(model.behaviour) != UNKNOWN_MODEL for model in MODELS)
    drawn = Counter(ask(7, number).model for number in range(5000))
    assert set(drawn) == {f"custom:{model.model_id}" for model in MODELS}
