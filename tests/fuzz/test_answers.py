"""Whatever an endpoint sends, the call has a typed outcome. More of them: `python -m tests.fuzz.answers 100000`."""

import pytest

from tests.fuzz.answers.trying import EVERY_WAY, tried

_OF_EACH = 400


@pytest.mark.parametrize("hundred", range(_OF_EACH // 100))
def test_whatever_is_answered_has_a_typed_outcome(hundred: int) -> None:
    outcomes = {tried(seed) for seed in range(hundred * 100, hundred * 100 + 100)}
    assert {"completed", "bad_response"} <= outcomes


def test_every_exchange_is_tried() -> None:
    assert {(asked.form, asked.streamed) for asked in EVERY_WAY} >= {("openai", False), ("openai", True)}
