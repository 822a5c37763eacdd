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
    assert read == CompletionRead("hello", "m", ("stop",), Usage(3, 4, 2, 0), 5)
    assert read.finish_reason == "stop"


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {"url": "u"}}, 5, {"text": "b"}], "ab"),
        ([{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "no"}, "b"], "anob"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}], "a"),
        ([{"type": "thinking", "thinking": "hm"}, {"type": "redacted_thinking", "data": "x"}, {"text": "a"}], "a"),
        ([{"type": "reasoning", "text": "hm"}, {"type": "text", "text": {"value": "a"}}], "a"),
        ([{"thought": True, "text": "hm"}, {"text": "a"}], "a"),
        ({"type": "text", "text": "a"}, "a"),
        ({"parts": [{"text": "a"}, {"text": "b"}]}, "ab"),
        ({"type": "reasoning", "text": "hm"}, ""),
        ("<think>hm</think>\n\na", "a"),
        (None, ""),
        (5, ""),
    ],
    ids=repr,
)
def test_the_content_of_a_message_in_every_form(content: Any, text: str) -> None:
    assert text_of({"content": content}) == text


@pytest.mark.parametrize(
    "thoughts",
    [
        {"reasoning_content": "hm"},
        {"reasoning": "hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]},
        {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]},
    ],
    ids=lambda thoughts: next(iter(thoughts)),
)
def test_thoughts_beside_the_content_are_no_answer_and_count_as_made(thoughts: dict[str, Any]) -> None:
    read = read_completion({"choices": [{"message": {"content": "answer", **thoughts}}]})
    assert (read.text, read.characters) == ("answer", 8)


def test_a_refusal_or_what_was_said_aloud_is_the_answer_of_who_wrote_nothing() -> None:
    assert text_of({"content": None, "refusal": "I will not."}) == "I will not."
    assert text_of({"content": None, "audio": {"id": "a", "transcript": "said aloud"}}) == "said aloud"


def test_an_answer_that_calls_a_tool_has_no_text() -> None:
    assert text_of({"content": None, "tool_calls": [{}]}) == ""
    assert text_of({"content": None, "function_call": {"name": "f", "arguments": "{}"}}) == ""


def test_arguments_are_made_too_also_as_objects() -> None:
    calls = [{"function": {"arguments": '{"a":1}'}}, {"function": {"arguments": {"a": 1}}}, {"function": None}, 5]
    message = {"tool_calls": calls, "function_call": {"arguments": "{}"}}
    assert read_completion({"choices": [{"message": message}]}).characters == 7 + 7 + 2


def test_the_text_is_that_of_the_first_choice() -> None:
    choices = [{"message": {"content": text}, "finish_reason": text} for text in ("first", "second")]
    read = read_completion({"choices": choices})
    assert (read.text, read.finish_reason, read.finish_reasons) == ("first", "first", ("first", "second"))


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
