import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from deploy.model_server.behaviours import UNKNOWN_MODEL, behaviour_of
from tests.chaos import hostile
from tests.chaos.hostile import hostile_ask
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


def test_the_hostile_shares_are_percent_and_the_model_server_knows_them_all() -> None:
    assert sum(kind.model.share for kind in hostile.KINDS) == 100
    assert all(behaviour_of(kind.model.behaviour) != UNKNOWN_MODEL for kind in hostile.KINDS)
    assert {hostile_ask(1, number).model for number in range(2000)} == {
        f"custom:{one.model_id}" for one in hostile.MODELS
    }


def test_hostile_bodies_are_just_below_what_the_gateway_takes() -> None:
    asked = {one.model: one for one in (hostile_ask(1, number) for number in range(2000))}
    sizes = {model: len(json.dumps(one.body())) for model, one in asked.items()}
    assert 3_480_000 < sizes["custom:body-at-the-limit"] < 3_500_000
    assert sizes["custom:doubles-beyond"] < 3_500_000
