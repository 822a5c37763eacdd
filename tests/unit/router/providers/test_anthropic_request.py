from typing import Any

import orjson
import pytest

from services.router.providers.anthropic import AnthropicWire
from tests.unit.router.values import model

WIRE = AnthropicWire()
HI = {"role": "user", "content": "hi"}


def sent(body: dict[str, Any] | None = None, config: dict[str, Any] | None = None) -> dict[str, Any]:
    known = model(wire_format="anthropic", config={"model": "claude"} | (config or {}))
    out: dict[str, Any] = orjson.loads(WIRE.request(known, {"messages": [HI]} | (body or {})))
    return out


def messages(*said: dict[str, Any]) -> Any:
    return sent({"messages": list(said)})["messages"]


def test_the_key_has_its_own_header_and_the_version_is_always_sent() -> None:
    assert WIRE.headers("opensesame") == {"anthropic-version": "2023-06-01", "x-api-key": "opensesame"}
    assert WIRE.headers(None) == {"anthropic-version": "2023-06-01"}


def test_the_least_request() -> None:
    assert sent() == {"model": "claude", "max_tokens": 4096, "messages": [HI]}


@pytest.mark.parametrize(
    ("body", "config", "limit"),
    [
        ({}, {}, 4096),
        ({"max_tokens": 10}, {}, 10),
        ({"max_completion_tokens": 20}, {}, 20),
        ({"max_completion_tokens": 20, "max_tokens": 10}, {}, 20),
        ({}, {"max_tokens": 4000}, 4000),
        ({"max_tokens": 10}, {"max_completion_tokens": 4000}, 10),
        ({"max_completion_tokens": 20}, {"max_tokens": 4000}, 20),
    ],
)
def test_the_answers_limit_is_the_callers_or_the_models_or_ours(
    body: dict[str, Any], config: dict[str, Any], limit: int
) -> None:
    out = sent(body, config)
    assert out["max_tokens"] == limit
    assert "max_completion_tokens" not in out


def test_fields_that_the_format_has_keep_their_name() -> None:
    out = sent({"temperature": 0, "top_p": 0.5, "metadata": {"user_id": "u"}})
    assert (out["temperature"], out["top_p"], out["metadata"]) == (0, 0.5, {"user_id": "u"})


def test_fields_that_the_format_does_not_have_are_left_out() -> None:
    assert sent({"frequency_penalty": 1, "seed": 1, "logprobs": True, "n": 1, "user": "u", "deadline_s": 1}) == sent()


@pytest.mark.parametrize(("stop", "sequences"), [("END", ["END"]), (["a", "b"], ["a", "b"])])
def test_stop_becomes_a_list(stop: object, sequences: list[str]) -> None:
    assert sent({"stop": stop})["stop_sequences"] == sequences


@pytest.mark.parametrize("stop", [None, "", []])
def test_no_stop_is_not_sent(stop: object) -> None:
    assert "stop_sequences" not in sent({"stop": stop})


def test_system_messages_are_joined_and_leave_the_conversation() -> None:
    out = sent(
        {
            "messages": [
                {"role": "system", "content": "be kind"},
                HI,
                {"role": "developer", "content": [{"type": "text", "text": "be"}, {"type": "text", "text": "brief"}]},
                {"role": "system", "content": ""},
            ]
        }
    )
    assert out["system"] == "be kind\n\nbe\nbrief"
    assert out["messages"] == [HI]


def test_without_system_messages_the_field_is_not_sent() -> None:
    assert "system" not in sent({"messages": [{"role": "system", "content": ""}, HI]})


def test_roles_alternate_after_messages_in_a_row_become_one() -> None:
    assert messages(
        {"role": "user", "content": "one"},
        {"role": "user", "content": [{"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "three"},
        {"role": "assistant", "content": "four"},
        {"role": "user", "content": "five"},
    ) == [
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "three"}, {"type": "text", "text": "four"}]},
        {"role": "user", "content": "five"},
    ]


def test_a_system_message_between_two_of_the_user_does_not_keep_them_apart() -> None:
    said = messages(HI, {"role": "system", "content": "x"}, HI)
    assert said == [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "hi"}]}]


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("data:image/png;base64,iVBORw==", {"type": "base64", "media_type": "image/png", "data": "iVBORw=="}),
        ("https://host/cat.png", {"type": "url", "url": "https://host/cat.png"}),
    ],
)
def test_images_are_sent_by_value_or_by_address(url: str, source: dict[str, str]) -> None:
    content = [{"type": "text", "text": "what?"}, {"type": "image_url", "image_url": {"url": url}}]
    assert messages({"role": "user", "content": content}) == [
        {"role": "user", "content": [{"type": "text", "text": "what?"}, {"type": "image", "source": source}]}
    ]


def test_tools_are_translated() -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [
        {"type": "function", "function": {"name": "weather", "description": "the weather", "parameters": schema}},
        {"type": "function", "function": {"name": "time"}},
        {"type": "custom", "custom": {"name": "other"}},
    ]
    assert sent({"tools": tools})["tools"] == [
        {"name": "weather", "description": "the weather", "input_schema": schema},
        {"name": "time", "description": "", "input_schema": {"type": "object", "properties": {}}},
    ]


@pytest.mark.parametrize(
    ("choice", "translated"),
    [
        ("auto", {"type": "auto"}),
        ("required", {"type": "any"}),
        ("none", {"type": "none"}),
        ({"type": "function", "function": {"name": "f"}}, {"type": "tool", "name": "f"}),
        (None, None),
        ("unknown", None),
    ],
)
def test_the_tool_choice_is_translated(choice: object, translated: object) -> None:
    out = sent({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": choice})
    assert out.get("tool_choice") == translated


def test_a_tool_choice_without_tools_is_not_sent() -> None:
    assert "tool_choice" not in sent({"tool_choice": "auto"})


def call(arguments: object, name: str = "call_1") -> dict[str, Any]:
    return {"id": name, "type": "function", "function": {"name": "f", "arguments": arguments}}


def test_tool_calls_and_their_results_are_translated() -> None:
    assert messages(
        HI,
        {"role": "assistant", "content": "let me see", "tool_calls": [call('{"city": "Bern"}'), call("", "call_2")]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
        {"role": "user", "content": "thanks"},
    ) == [
        HI,
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "let me see"},
                {"type": "tool_use", "id": "call_1", "name": "f", "input": {"city": "Bern"}},
                {"type": "tool_use", "id": "call_2", "name": "f", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "call_1", "content": "sunny"},
                {"type": "tool_result", "tool_use_id": "call_2", "content": "noon"},
                {"type": "text", "text": "thanks"},
            ],
        },
    ]


def test_a_tool_call_without_text_has_no_empty_text_block() -> None:
    said = messages(HI, {"role": "assistant", "content": None, "tool_calls": [call("{}")]})
    assert said[1]["content"] == [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]


@pytest.mark.parametrize("arguments", ["{", None, "not json"])
def test_arguments_that_are_no_json_become_none(arguments: object) -> None:
    said = messages(HI, {"role": "assistant", "tool_calls": [call(arguments)]})
    assert said[1]["content"][0]["input"] == {}
