"""What a response is asked with, as a chat; and what is refused by its name."""

from typing import Any

import pytest

from services.gateway.bodies import InvalidBodyError, validated
from services.gateway.responses.asking import chat_body
from services.gateway.responses.schemas import ResponseBody

_SCHEMA = {"type": "object", "properties": {}}
_TOOL = {"type": "function", "name": "f", "parameters": _SCHEMA, "strict": True}
_CALL = {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "status": "completed"}
_OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "42"}


def _chat(**asked: Any) -> dict[str, Any]:
    return chat_body(validated(ResponseBody, {"input": "hi", **asked}), [], _opened)


def _opened(sealed: str) -> list[Any]:
    return [{"type": "thinking", "thinking": sealed, "signature": "s"}]


def _messages(*items: dict[str, Any], **asked: Any) -> Any:
    return _chat(input=list(items), **asked)["messages"]


def _said(role: str, *texts: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    return {"type": "message", "role": role, "content": [{"type": kind, "text": text} for text in texts]}


def test_a_text_is_what_the_user_says() -> None:
    assert _chat() == {"messages": [{"role": "user", "content": "hi"}]}


def test_instructions_come_before_everything() -> None:
    assert _messages(_said("user", "hi"), instructions="be brief")[0] == {"role": "system", "content": "be brief"}


@pytest.mark.parametrize(
    ("asked", "chat"),
    [
        ({"max_output_tokens": 9}, {"max_completion_tokens": 9}),
        ({"reasoning": {"effort": "low"}}, {"reasoning_effort": "low"}),
        ({"text": {"verbosity": "low"}}, {"verbosity": "low"}),
        ({"text": {"format": {"type": "text"}}}, {}),
        ({"text": {"format": {"type": "json_object"}}}, {"response_format": {"type": "json_object"}}),
        (
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": _SCHEMA, "strict": True}}},
            {"response_format": {"type": "json_schema",
                                 "json_schema": {"name": "n", "schema": _SCHEMA, "strict": True}}},
        ),
        ({"top_logprobs": 2}, {"top_logprobs": 2, "logprobs": True}),
        ({"include": ["message.output_text.logprobs"]}, {"logprobs": True}),
        ({"tools": [_TOOL], "tool_choice": {"type": "function", "name": "f"}},
         {"tools": [{"type": "function", "function": {"name": "f", "parameters": _SCHEMA, "strict": True}}],
          "tool_choice": {"type": "function", "function": {"name": "f"}}}),
        ({"model": "m", "temperature": 0.5, "top_p": 0.1, "user": "u", "service_tier": "flex", "stream": True},
         {"model": "m", "temperature": 0.5, "top_p": 0.1, "user": "u", "service_tier": "flex", "stream": True}),
        ({"store": True, "metadata": {"a": "b"}, "truncation": "disabled", "background": True}, {}),
    ],
    ids=str,
)  # fmt: skip
def test_a_setting_has_its_place_in_a_chat(asked: dict[str, Any], chat: dict[str, Any]) -> None:
    assert _chat(**asked) == {"messages": [{"role": "user", "content": "hi"}]} | chat


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "mcp", "server_label": "x"}]}, "tools[0].type"),
        ({"tool_choice": {"type": "file_search"}, "tools": [_TOOL]}, "tool_choice.type"),
        ({"include": ["file_search_call.results"]}, "include"),
        ({"stream_options": {"include_obfuscation": True}}, "stream_options.include_obfuscation"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
         "input[0].content[0].image_url"),
        ({"input": [{"role": "user", "content": 7}]}, "input[0].content"),
        ({"text": {"format": {"type": "json_schema", "name": "n"}}}, "text.format"),
        ({"tools": [{**_TOOL, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"input": None}, "input"),
        ({"truncation": "auto"}, "truncation"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"max_tool_calls": 3}, "max_tool_calls"),
        ({"something_new": 1}, "something_new"),
    ],
    ids=str,
)  # fmt: skip
def test_what_no_chat_can_be_asked_for_is_refused_by_its_name(asked: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        _chat(**asked)
    assert caught.value.param == param


def test_a_turn_of_the_assistant_is_one_message_with_its_thoughts_and_calls() -> None:
    thoughts = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "mm"}
    messages = _messages(
        _said("user", "hi"), thoughts, _said("assistant", "let me see"), _CALL, {**_CALL, "call_id": "c2"}, _OUTPUT
    )
    assert [message["role"] for message in messages] == ["user", "assistant", "tool"]
    assert messages[1] == {
        "role": "assistant",
        "content": "let me see",
        "thinking_blocks": _opened("mm"),
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "c2", "type": "function", "function": {"name": "f", "arguments": "{}"}},
        ],
    }
    assert messages[2] == {"role": "tool", "tool_call_id": "c1", "content": "42"}


def test_two_answers_in_a_row_stay_two() -> None:
    messages = _messages(_said("assistant", "a"), _said("assistant", "b"))
    assert [message["content"] for message in messages] == ["a", "b"]


def test_parts_keep_their_kind() -> None:
    content = [
        {"type": "input_text", "text": "what is this?"},
        {"type": "input_image", "image_url": "data:image/png;base64,AA==", "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
    ]
    (message,) = _messages({"role": "user", "content": content})
    assert message["content"] == [
        {"type": "text", "text": "what is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="}},
    ]


def test_words_that_a_model_thought_are_not_given_back_to_it() -> None:
    thoughts = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "mm"}]}
    assert [message["role"] for message in _messages(_said("user", "hi"), thoughts, _said("user", "and?"))] == [
        "user", "user",
    ]  # fmt: skip
