"""A completion is as its endpoint sent it: whatever that is, something is kept of it that can be stored and counted."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.features.asking import answer_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def test_a_plain_answer() -> None:
    choice = {"message": {"content": "hello"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}
    assert answer_of({"choices": [choice], "usage": usage}) == {
        "text": "hello", "finish_reason": "stop", "input_tokens": 3, "output_tokens": 4, "cache_read_tokens": 2,
        "cache_write_tokens": 0,
    }  # fmt: skip


def test_an_answer_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, "?", {"text": "b"}]
    assert answer_of({"choices": [{"message": {"content": parts}}]})["text"] == "ab"


@pytest.mark.parametrize("tokens", [12.5, "n/a", -1, True, None, [3]])
def test_what_is_no_count_counts_as_nothing(tokens: Any) -> None:
    assert answer_of({"usage": {"prompt_tokens": tokens}})["input_tokens"] == 0


@given(JSON, JSON, JSON, JSON)
def test_any_form(choices: Any, message: Any, usage: Any, count: Any) -> None:
    for completion in (
        choices,
        {"choices": choices, "usage": usage},
        {"choices": [{"message": message, "finish_reason": usage}], "usage": {"completion_tokens": count}},
    ):
        told = answer_of(completion)
        assert isinstance(told["text"], str)
        assert isinstance(told["finish_reason"], str)
        assert told["output_tokens"] >= 0
        orjson.dumps(told)
