"""Anthropic's messages asked of an endpoint that speaks OpenAI's chat form: what it is sent."""

from typing import Any

import orjson
import pytest

from shared.wire import UntranslatableError, exchange_of
from shared.wire.messages.exchanges import MessagesByChat
from shared.wire.messages.words import SIGNATURE
from tests.unit.shared.wire.messages_by_chat import EXCHANGE, text

_Object = dict[str, Any]

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}


def asked(**fields: Any) -> _Object:
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], **fields}
    sent: _Object = orjson.loads(EXCHANGE.request("up", {}, body))
    return sent


def messages(*given: _Object, **fields: Any) -> list[_Object]:
    sent: list[_Object] = asked(messages=list(given), **fields)["messages"]
    return sent


def user(*content: _Object) -> _Object:
    return {"role": "user", "content": list(content)}


def assistant(*content: _Object) -> _Object:
    return {"role": "assistant", "content": list(content)}


def result(call: str, content: Any, **more: Any) -> _Object:
    return {"type": "tool_result", "tool_use_id": call, "content": content, **more}


CACHE = {"cache_control": {"type": "ephemeral"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
IMAGE_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {"city": "Bern"}}
CALLED = {"id": "toolu_1", "type": "function", "function": {"name": "find", "arguments": '{"city":"Bern"}'}}


HELLO = user(text("hi"))


def test_it_is_the_exchange_of_the_form_with_such_endpoints() -> None:
    assert isinstance(exchange_of("chat", "anthropic", "openai"), MessagesByChat)


def test_system_blocks_become_one_message_without_the_cache_hints() -> None:
    sent = messages(HELLO, system=[text("You are an agent.", **CACHE), text("Be brief.")])
    assert sent == [
        {"role": "system", "content": "You are an agent.\n\nBe brief."},
        {"role": "user", "content": "hi"},
    ]


def test_images_and_documents_are_parts() -> None:
    pdf = {"type": "base64", "media_type": "application/pdf", "data": "aGk="}
    documents = [
        {"type": "document", "source": pdf, "title": "a.pdf", **CACHE},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "title": "b"},
        {"type": "document", "source": {"type": "content", "content": [text("inner"), IMAGE]}, "context": "from c"},
    ]
    [message] = messages(user(IMAGE, *documents, text("compare")))
    assert message["content"] == [
        IMAGE_PART,
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aGk="}},
        text("b\n\nwords"),
        text("from c"),
        text("inner"),
        IMAGE_PART,
        text("compare"),
    ]


def test_results_of_tools_come_first_and_their_images_follow_them() -> None:
    sent = messages(
        HELLO,
        assistant(text("I look."), CALL, {**CALL, "id": "toolu_2"}),
        user(text("and now?"), result("toolu_1", [text("a view"), IMAGE]), result("toolu_2", "no", is_error=True)),
    )
    assert sent[1:] == [
        {"role": "assistant", "content": "I look.", "tool_calls": [CALLED, {**CALLED, "id": "toolu_2"}]},
        {
            "role": "tool",
            "tool_call_id": "toolu_1",
            "content": "a view\n\n(Its images and documents are in the next message.)",
        },
        {"role": "tool", "tool_call_id": "toolu_2", "content": "Error: no"},
        user(text("Of the result of the tool call toolu_1:"), IMAGE_PART, text("and now?")),
    ]


def test_long_ids_are_mapped_alike_in_call_and_result() -> None:
    long = "toolu_" + "x" * 60
    sent = messages(HELLO, assistant({**CALL, "id": long}), user(result(long, "ok")))
    mapped = sent[1]["tool_calls"][0]["id"]
    assert len(mapped) <= 40
    assert sent[2]["tool_call_id"] == mapped


def test_thoughts_of_a_chat_endpoint_go_back_with_the_calls_that_they_led_to() -> None:
    ours = {"type": "thinking", "thinking": "I need Bern.", "signature": SIGNATURE}
    theirs = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
    hidden = {"type": "redacted_thinking", "data": "eA=="}
    sent = messages(
        HELLO, assistant(ours, CALL), user(result("toolu_1", "ok")), assistant(theirs, hidden, text("done")), HELLO
    )
    assert sent[1] == {
        "role": "assistant",
        "content": None,
        "tool_calls": [CALLED],
        "reasoning_content": "I need Bern.",
    }
    assert sent[3] == {"role": "assistant", "content": "done"}


def test_tools_and_the_choice_of_one() -> None:
    tool = {"name": "find", "description": "Finds.", "input_schema": SCHEMA, "strict": True, **CACHE}
    shown = {"name": "see", "input_schema": SCHEMA, "type": "custom", "input_examples": [{"city": "Bern"}]}
    sent = asked(tools=[tool, shown], tool_choice={"type": "tool", "name": "find", "disable_parallel_tool_use": True})
    find = {"name": "find", "parameters": SCHEMA, "description": "Finds.", "strict": True}
    see = {"name": "see", "parameters": SCHEMA, "description": 'Examples of its input:\n{"city":"Bern"}'}
    assert sent["tools"] == [{"type": "function", "function": find}, {"type": "function", "function": see}]
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "find"}}
    assert sent["parallel_tool_calls"] is False


@pytest.mark.parametrize(("choice", "becomes"), [("auto", "auto"), ("any", "required"), ("none", "none")])
def test_a_choice_among_tools(choice: str, becomes: str) -> None:
    assert asked(tool_choice={"type": choice})["tool_choice"] == becomes


FORMAT = {"type": "json_schema", "schema": SCHEMA}
AS_FORMAT = {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        ({"stop_sequences": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"temperature": 0.5, "top_p": 0.9, "top_k": 5}, {"temperature": 0.5, "top_p": 0.9, "top_k": 5}),
        ({"metadata": {"user_id": "u"}}, {"user": "u"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 2048}}, {"reasoning_effort": "low"}),
        ({"thinking": {"type": "enabled", "budget_tokens": 31999, "display": "omitted"}}, {"reasoning_effort": "high"}),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "max"}}, {"reasoning_effort": "xhigh"}),
        ({"output_config": {"format": FORMAT}}, {"response_format": AS_FORMAT}),
        ({"output_format": FORMAT}, {"response_format": AS_FORMAT}),
        ({"service_tier": "standard_only"}, {"service_tier": "default"}),
        ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    ],
    ids=str,
)
def test_fields_by_their_other_names(given: _Object, becomes: _Object) -> None:
    plain = asked()
    sent = asked(**given)
    assert {name: sent[name] for name in sent if name not in plain} == becomes


@pytest.mark.parametrize(
    "given",
    [
        {"cache_control": {"type": "ephemeral"}},
        {"service_tier": "auto"},
        {"thinking": {"type": "disabled"}},
        {"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}},
        {"mcp_servers": []},
        {"tools": []},
        {"stop_sequences": []},
        {"system": ""},
    ],
    ids=str,
)
def test_what_asks_for_nothing_is_left_out(given: _Object) -> None:
    assert asked(**given) == asked()


def test_a_long_user_id_is_told_by_its_digest() -> None:
    user_id = "user_" + "a" * 64 + "_account__session_"
    first, second = (asked(metadata={"user_id": user_id + more})["user"] for more in ("1", "2"))
    assert len(first) == len(second) == 64
    assert first != second


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-5-mini", "max_completion_tokens"),
        ("openai/o3", "max_completion_tokens"),
        ("gpt-4o", "max_tokens"),
        ("qwen3-o3", "max_tokens"),
    ],
)
def test_the_limit_has_the_name_that_the_model_takes(model: str, name: str) -> None:
    body = {"max_tokens": 7, "messages": [HELLO]}
    sent = orjson.loads(EXCHANGE.request(model, {"max_tokens": 9, "temperature": 0.1}, body))
    limits = {field: sent[field] for field in sent if field.startswith("max")}
    assert (limits, sent["temperature"], sent["model"]) == ({name: 7}, 0.1, model)


SERVER_TOOL = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tools": [SERVER_TOOL]}, "tools[0].type"),
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools[0].type"),
        ({"tools": [{"name": "f", "input_schema": SCHEMA, "defer_loading": True}]}, "tools[0].defer_loading"),
        ({"tools": ["f"]}, "tools[0]"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"container": "c"}, "container"),
        ({"mcp_servers": [{"url": "u"}]}, "mcp_servers"),
        ({"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}, "context_management.edits[0].type"),
        ({"thinking": {"type": "between_tools"}}, "thinking.type"),
        ({"thinking": "yes"}, "thinking.type"),
        ({"output_config": {"effort": "much"}}, "output_config.effort"),
        ({"output_config": {"task_budget": 1}}, "output_config.task_budget"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format"),
        ({"speed": "fast"}, "speed"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"stop_sequences": [1]}, "stop_sequences"),
        ({"metadata": {"label": "x"}}, "metadata.label"),
        ({"n": 2}, "n"),
        ({"system": [IMAGE]}, "system[0].source"),
        ({"system": 1}, "system"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role"),
        ({"messages": [HELLO, assistant(text("The answer is"))]}, "messages"),
        ({"messages": [user({"type": "image", "source": {"type": "file", "file_id": "f"}})]},
         "messages[0].content[0].source.type"),
        ({"messages": [user({"type": "document", "source": {"type": "url", "url": "u"}})]},
         "messages[0].content[0].source.type"),
        ({"messages": [user({"type": "document", "source": {}, "citations": {"enabled": True}})]},
         "messages[0].content[0].citations"),
        ({"messages": [user({"type": "server_tool_use"})]}, "messages[0].content[0].server_tool_use"),
        ({"messages": [user({"type": "hologram"})]}, "messages[0].content[0].hologram"),
        ({"messages": [user(CALL)]}, "messages[0].content[0].type"),
        ({"messages": [user({"text": "no type"})]}, "messages[0].content[0].type"),
        ({"messages": [user(text("hi", mood="gay"))]}, "messages[0].content[0].mood"),
        ({"messages": [assistant(IMAGE), HELLO]}, "messages[0].content[0].type"),
        ({"messages": [user(result("c", [{"type": "tool_reference", "tool_name": "t"}]))]},
         "messages[0].content[0].content[0].tool_reference"),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_said_is_refused_by_name(given: _Object, field: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        asked(**given)
    assert caught.value.field == field
