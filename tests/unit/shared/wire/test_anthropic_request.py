from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.inference.schemas import OUR_FIELDS, ChatBody
from shared.wire import UntranslatableError, dialect_of
from shared.wire.chat_by_messages.chat_fields import CHAT_TO_MESSAGES
from shared.wire.chat_by_messages.exchange import ChatByMessages

ANTHROPIC = ChatByMessages()
HI = {"role": "user", "content": "hi"}


def sent(body: dict[str, Any] | None = None, config: dict[str, Any] | None = None) -> dict[str, Any]:
    defaults = {"model": "claude"} | (config or {})
    out: dict[str, Any] = orjson.loads(ANTHROPIC.request("claude", defaults, {"messages": [HI]} | (body or {})))
    return out


def messages(*given: dict[str, Any]) -> Any:
    return sent({"messages": list(given)})["messages"]


def test_the_key_has_its_own_header_and_the_version_is_always_sent() -> None:
    assert dialect_of("anthropic").headers("opensesame", "http://h/v1") == {
        "anthropic-version": "2023-06-01",
        "x-api-key": "opensesame",
    }
    assert dialect_of("anthropic").headers(None, "http://h/v1") == {"anthropic-version": "2023-06-01"}


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
    out = sent({"temperature": 0, "top_p": 0.5, "stream": False})
    assert (out["temperature"], out["top_p"], out["stream"]) == (0, 0.5, False)


@pytest.mark.parametrize(
    ("body", "config", "metadata"),
    [
        ({"metadata": {"user_id": "u", "team": "red"}}, {}, {"user_id": "u"}),
        ({"metadata": {"user_id": "m"}, "user": "u"}, {}, {"user_id": "u"}),
        ({"user": "u"}, {}, {"user_id": "u"}),
        ({"safety_identifier": "s"}, {}, {"user_id": "s"}),
        ({"user": "u", "safety_identifier": "s", "metadata": {"team": "red"}}, {}, {"user_id": "s"}),
        ({"user": ""}, {}, None),
        ({"metadata": {"team": "red"}}, {"metadata": {"user_id": "c"}}, {"user_id": "c"}),
        ({"user": "u"}, {"metadata": {"user_id": "c"}}, {"user_id": "u"}),
        ({}, {"user": "c"}, {"user_id": "c"}),
    ],
)
def test_metadata_tells_of_whom_the_request_is_and_nothing_else_of_the_callers(
    body: dict[str, Any], config: dict[str, Any], metadata: object
) -> None:
    assert sent(body, config).get("metadata") == metadata


def test_what_a_model_is_configured_with_in_its_own_format_is_passed_on() -> None:
    own = {"top_k": 5, "thinking": {"type": "enabled", "budget_tokens": 2000}, "service_tier": "standard_only"}
    assert sent({}, own) == sent() | own


def test_what_a_model_is_configured_with_is_refused_like_the_callers() -> None:
    with pytest.raises(UntranslatableError, match="seed"):
        sent({}, {"seed": 1})


def test_the_caller_comes_before_what_is_configured() -> None:
    assert sent({"top_k": 7}, {"top_k": 5})["top_k"] == 7
    assert sent({"temperature": 0.5}, {"temperature": 0})["temperature"] == 0.5


def test_every_openai_field_that_the_gateway_knows_has_a_row() -> None:
    assert ChatBody.model_fields.keys() - OUR_FIELDS <= CHAT_TO_MESSAGES["body"].keys()


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
    translated = messages(HI, {"role": "system", "content": "x"}, HI)
    assert translated == [{"role": "user", "content": [{"type": "text", "text": "hi"}, {"type": "text", "text": "hi"}]}]


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
                {"type": "tool_result", "tool_use_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
                {"type": "text", "text": "thanks"},
            ],
        },
    ]


def called(*calls: Any, content: object = None) -> dict[str, Any]:
    """Each with its result."""
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "ok"} for call in calls if "id" in call]
    return {"messages": [HI, {"role": "assistant", "content": content, "tool_calls": list(calls)}, *results]}


@pytest.mark.parametrize("content", [None, "", " \n", [], [{"type": "text", "text": ""}]])
def test_a_tool_call_without_text_has_no_empty_text_block(content: object) -> None:
    translated = sent(called(call("{}"), content=content))["messages"]
    assert translated[1]["content"] == [{"type": "tool_use", "id": "call_1", "name": "f", "input": {}}]


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (None, {}),
        ("", {}),
        (" ", {}),
        ("{}", {}),
        ({"city": "Bern"}, {"city": "Bern"}),
        ("{", {"invalid_arguments": "{"}),
        ("not json", {"invalid_arguments": "not json"}),
        ("[1]", {"invalid_arguments": "[1]"}),
        ("5", {"invalid_arguments": "5"}),
        ('{"n": NaN}', {"invalid_arguments": '{"n": NaN}'}),
    ],
)
def test_arguments_that_are_no_json_object_stay_as_the_model_wrote_them(arguments: object, given: object) -> None:
    assert sent(called(call(arguments)))["messages"][1]["content"][0]["input"] == given


def test_a_refusal_in_the_conversation_is_text() -> None:
    part = {"type": "refusal", "refusal": "no"}
    assert messages(HI, {"role": "assistant", "content": [part]})[1] == {"role": "assistant", "content": "no"}
    assert messages(HI, {"role": "assistant", "refusal": "no"})[1] == {"role": "assistant", "content": "no"}


def said(content: object) -> dict[str, Any]:
    return {"messages": [HI, {"role": "user", "content": content}]}


TOOL = {"type": "function", "function": {"name": "f"}}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (said(5), "messages[1].content"),
        (said({"text": "hi"}), "messages[1].content"),
        (said(["hi"]), "messages[1].content[0]"),
        (said([{"type": "text"}]), "messages[1].content[0].text"),
        (said([{"type": "text", "text": 5}]), "messages[1].content[0].text"),
        (said([{"type": "input_audio", "input_audio": {}}]), "messages[1].content[0].type"),
        (said([{"type": [], "text": "hi"}]), "messages[1].content[0].type"),
        (said([{"type": "image_url", "image_url": "https://h/cat.png"}]), "messages[1].content[0].image_url"),
        (said([{"type": "image_url"}]), "messages[1].content[0].image_url"),
        (said([{"type": "image_url", "image_url": {"url": 5}}]), "messages[1].content[0].image_url.url"),
        ({"messages": "hi"}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": [], "content": "hi"}]}, "messages[0].role"),
        ({"messages": [{"role": "system", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "tool", "content": "hi"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "tool", "tool_call_id": "1", "content": 5}]}, "messages[0].content"),
        ({"messages": [HI, {"role": "assistant", "tool_calls": {}}]}, "messages[1].tool_calls"),
        ({"messages": [HI, {"role": "assistant", "tool_calls": ["f"]}]}, "messages[1].tool_calls[0]"),
        (called({"id": "1"}), "messages[1].tool_calls[0].function"),
        (called(call("{}"), {"id": 5, "function": {"name": "f"}}), "messages[1].tool_calls[1].id"),
        (called({"id": "1", "function": {}}), "messages[1].tool_calls[0].function.name"),
        (called(call(5)), "messages[1].tool_calls[0].function.arguments"),
        (called(call([])), "messages[1].tool_calls[0].function.arguments"),
        ({"tools": {}}, "tools"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tools": [TOOL, {"type": "custom", "custom": {"name": "f"}}]}, "tools[1].custom"),
        ({"tools": [{"function": {}}]}, "tools[0].function.name"),
        ({"tools": [{"function": {"name": "f", "description": 5}}]}, "tools[0].function.description"),
        ({"tools": [{"function": {"name": "f", "parameters": "x"}}]}, "tools[0].function.parameters"),
        ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": ["auto"]}, "tool_choice"),
        ({"tools": [TOOL], "tool_choice": {"type": "auto"}}, "tool_choice.function"),
        ({"tools": [TOOL], "tool_choice": {"function": {}}}, "tool_choice.function.name"),
        ({"stop": 5}, "stop"),
        ({"stop": 0}, "stop"),
        ({"stop": {}}, "stop"),
        ({"stop": ["a", 5]}, "stop"),
    ],
)
def test_what_cannot_be_translated_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        sent(body)
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field} ")


def test_what_was_sent_is_not_repeated() -> None:
    with pytest.raises(UntranslatableError) as caught:
        sent(said([{"type": "opensesame", "opensesame": "opensesame"}]))
    assert "opensesame" not in str(caught.value)


def nested(depth: int) -> Any:
    return orjson.loads(b"[" * depth + b"]" * depth)


@pytest.mark.parametrize(
    "body",
    [
        {"temperature": nested(1000)},
        called(call('{"x": ' + "[" * 1000 + "]" * 1000 + "}")),
        {"tools": [{"function": {"name": "f", "parameters": {"x": nested(1000)}}}]},
    ],
)
def test_what_is_too_deep_to_be_written_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(UntranslatableError, match="nested too deeply"):
        sent(body)


NAMES = st.sampled_from(
    ["type", "text", "refusal", "image_url", "url", "function", "name", "description", "parameters", "arguments", "id",
     "tool_call_id", "tool_calls", "role", "content"]
)  # fmt: skip
WORDS = st.sampled_from(["text", "image_url", "refusal", "tool", "user", "assistant", "system", "data:", "{}", ""])
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=10,
)
MESSAGE = JSON | st.fixed_dictionaries(
    {"role": WORDS | JSON}, optional={"content": JSON, "tool_calls": JSON | st.lists(JSON), "tool_call_id": JSON}
)
BODY = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGE, max_size=3) | JSON},
    optional=dict.fromkeys(sorted(CHAT_TO_MESSAGES["body"].keys() - {"messages"}), JSON) | {"unknown": JSON},
)
CONFIG = st.dictionaries(
    st.sampled_from([*sorted(CHAT_TO_MESSAGES["body"].keys() - {"model"}), "top_k", "system", "deadline_s"]), JSON
)


@given(BODY, CONFIG)
def test_whatever_is_asked_becomes_a_request_or_is_refused_by_name(
    body: dict[str, Any], config: dict[str, Any]
) -> None:
    with suppress(UntranslatableError):
        out = sent(body, config)
        assert out["model"] == "claude"
        assert isinstance(out["messages"], list)
