"""A completion is as its endpoint sent it: whatever that is, something is read of it that can be stored and counted."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire import CompletionRead, Usage, read_completion

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


def text_of(message: Any) -> str:
    return read_completion({"choices": [{"message": message}]}).text


def test_a_plain_answer() -> None:
    choice = {"message": {"content": "hello"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 2}}
    read = read_completion({"model": "m", "choices": [choice], "usage": usage})
    assert read == CompletionRead("hello", "m", ("stop",), Usage(3, 4, 2, 0))
    assert read.finish_reason == "stop"


def test_an_answer_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image_url"}, "?", {"text": "b"}]
    assert text_of({"content": parts}) == "ab"


def test_an_answer_that_calls_a_tool_has_no_text() -> None:
    assert text_of({"content": None, "tool_calls": [{}]}) == ""


def test_the_text_is_that_of_the_first_choice() -> None:
    choices = [{"message": {"content": text}, "finish_reason": text} for text in ("first", "second")]
    read = read_completion({"choices": choices})
    assert (read.text, read.finish_reason, read.finish_reasons) == ("first", "first", ("first", "second"))


@pytest.mark.parametrize("tokens", [12.5, "n/a", -1, True, None, [3], 2**31])
def test_what_is_no_count_is_unknown(tokens: Any) -> None:
    assert read_completion({"usage": {"prompt_tokens": tokens}}).usage == Usage()


@given(JSON, JSON, JSON, JSON)
def test_any_form(choices: Any, message: Any, usage: Any, count: Any) -> None:
    for completion in (
        choices,
        {"choices": choices, "usage": usage},
        {"choices": [{"message": message, "finish_reason": usage}], "usage": {"completion_tokens": count}},
    ):
        read = read_completion(completion)
        assert isinstance(read.text, str)
        assert isinstance(read.finish_reason, str)
        assert (read.usage.output_tokens or 0) >= 0
        orjson.dumps((read.text, read.response_model, read.finish_reasons, tuple(read.usage)))
