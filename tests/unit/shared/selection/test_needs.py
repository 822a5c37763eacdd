from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.selection import needs_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


def user(content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content}]}


def test_four_bytes_of_text_are_about_a_token() -> None:
    assert needs_of(None, user("x" * 400)).prompt_tokens == 104


def test_images_count_as_images_and_not_as_text() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    found = needs_of(None, user([{"type": "text", "text": "x" * 40}, image]))
    assert found.vision
    assert found.prompt_tokens == 1014


def test_all_that_anthropics_form_holds_counts() -> None:
    image = {"type": "image", "source": {"type": "base64", "data": "A" * 1_000_000}}
    pdf = {"type": "document", "source": {"type": "base64", "data": "A" * 20_000}}
    plain = {"type": "document", "source": {"type": "text", "data": "x" * 400}}
    inner = {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "x" * 400}]}}
    result = {"type": "tool_result", "content": [{"type": "text", "text": "x" * 400}, image]}
    body = user([pdf, plain, inner, result]) | {
        "system": [{"type": "text", "text": "x" * 400}],
        "output_config": {"format": {"schema": "x" * 388}},
        "max_tokens": 7,
    }
    found = needs_of(None, body, form="anthropic")
    assert found.vision
    assert (found.prompt_tokens, found.answer_tokens) == (4 + 1000 + 1000 + 5 * 100 + len("formatschema") // 4 - 3, 7)
    called = {"role": "assistant", "content": [{"type": "tool_use", "input": {"a": "x" * 399}}]}
    assert needs_of(None, {"messages": [called]}).prompt_tokens == 104


@pytest.mark.parametrize(
    ("asked", "tokens"),
    [
        ({}, 0),
        ({"max_tokens": 50}, 50),
        ({"max_completion_tokens": 70}, 70),
        ({"max_completion_tokens": 70, "max_tokens": 50}, 70),
        ({"max_completion_tokens": None, "max_tokens": 50}, 50),
        ({"max_tokens": "50"}, 0),
        ({"max_tokens": [50]}, 0),
        ({"max_tokens": True}, 0),
        ({"max_tokens": -5}, 0),
    ],
)
def test_the_answer_is_as_long_as_asked(asked: dict[str, Any], tokens: int) -> None:
    assert needs_of(None, asked).answer_tokens == tokens


def test_what_is_asked_for_is_seen() -> None:
    found = needs_of("openai/large", user("hi") | {"stream": True, "tools": [{"type": "function"}]})
    assert (found.reference, found.streaming, found.tools, found.vision) == ("openai:large", True, True, False)
    assert needs_of("auto", user("hi")).reference is None


@given(st.dictionaries(st.sampled_from(["messages", "tools", "max_tokens", "stream", "response_format"]), JSON))
def test_whatever_an_upstream_service_sends_is_estimated(body: dict[str, Any]) -> None:
    assert needs_of("m", body).tokens >= 0


@given(st.lists(JSON | st.dictionaries(st.sampled_from(["role", "content", "tool_calls"]), JSON), max_size=4))
def test_messages_of_any_form_are_estimated(messages: list[Any]) -> None:
    assert needs_of("m", {"messages": messages}).tokens >= 0


@given(st.lists(st.dictionaries(st.sampled_from(["type", "text", "image_url"]), JSON), max_size=4))
def test_parts_of_any_form_are_estimated(parts: list[Any]) -> None:
    assert needs_of("m", {"messages": [{"role": "user", "content": parts}]}).tokens >= 0
