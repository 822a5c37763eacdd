"""Anthropic's messages asked of an endpoint that speaks OpenAI's chat form: the request, the answer, the stream."""

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.wire import NotACompletionError, UntranslatableError, Usage, exchange_of
from shared.wire.messages.answer import events_of
from shared.wire.messages.exchanges import MessagesByChat
from shared.wire.messages.words import SIGNATURE
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.streams import BrokenStreamError, Chunk, ErrorInStreamError, StreamReader

EXCHANGE = MessagesByChat()
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


def text(words: str, **more: Any) -> _Object:
    return {"type": "text", "text": words, **more}


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


# Answers


def answered(message: _Object, finish_reason: Any = "stop", **more: Any) -> _Object:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason, **more}
    body = {"id": "chatcmpl-1", "object": "chat.completion", "model": "up-1", "choices": [choice], "usage": USAGE}
    told: _Object = orjson.loads(EXCHANGE.completion(orjson.dumps(body)).body)
    return told


USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}


def called(name: str = "find", arguments: Any = '{"city": "Bern"}', call_id: Any = "call_1") -> _Object:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_an_answer_is_a_message() -> None:
    assert answered({"content": "hello"}) == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "up-1",
        "content": [{"type": "text", "text": "hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 6,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 4,
            "output_tokens": 5,
        },
    }


def test_thoughts_text_and_calls_are_blocks_in_this_order() -> None:
    message = {"content": "I look.", "reasoning_content": "hm", "tool_calls": [called(), called("see", "{}", "call_2")]}
    told = answered(message, "tool_calls")
    assert told["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": SIGNATURE},
        {"type": "text", "text": "I look."},
        {"type": "tool_use", "id": "call_1", "name": "find", "input": {"city": "Bern"}},
        {"type": "tool_use", "id": "call_2", "name": "see", "input": {}},
    ]
    assert told["stop_reason"] == "tool_use"


@pytest.mark.parametrize(
    ("message", "thought", "words"),
    [
        ({"reasoning": "hm", "content": "a"}, "hm", "a"),
        ({"content": [{"type": "thinking", "thinking": [text("h"), text("m")]}, text("a")]}, "hm", "a"),
        ({"reasoning": "hm", "reasoning_content": "hm", "content": "a"}, "hm", "a"),
        ({"content": None, "refusal": "a"}, "", "a"),
    ],
    ids=["OpenRouter", "Mistral", "named twice", "a refusal"],
)
def test_thoughts_and_words_wherever_they_stand(message: _Object, thought: str, words: str) -> None:
    blocks = {block["type"]: block for block in answered(message)["content"]}
    assert blocks.get("thinking", {}).get("thinking", "") == thought
    assert blocks["text"]["text"] == words


@pytest.mark.parametrize(
    ("finish", "message", "more", "stop_reason"),
    [
        ("length", {"content": "a"}, {}, "max_tokens"),
        ("content_filter", {"content": ""}, {}, "refusal"),
        ("stop", {"content": None, "refusal": "no"}, {}, "refusal"),
        ("stop", {"tool_calls": [called()]}, {}, "tool_use"),
        ("length", {"tool_calls": [called()]}, {}, "max_tokens"),
        ("eos", {"content": "a"}, {}, "end_turn"),
        (None, {"content": "a"}, {}, "end_turn"),
        ("stop", {"content": "a"}, {"stop_reason": "END"}, "stop_sequence"),
        ("stop", {"content": "a"}, {"matched_stop": 151645}, "end_turn"),
    ],
    ids=str,
)
def test_why_it_ended(finish: Any, message: _Object, more: _Object, stop_reason: str) -> None:
    told = answered(message, finish, **more)
    assert told["stop_reason"] == stop_reason
    assert told["stop_sequence"] == (more.get("stop_reason") if stop_reason == "stop_sequence" else None)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ("", {}),
        ({"city": "Bern"}, {"city": "Bern"}),
        ('{"city": ', {"invalid_arguments": '{"city": '}),
        ("[1]", {"invalid_arguments": "[1]"}),
        (None, {}),
    ],
    ids=str,
)
def test_arguments_are_what_the_model_wrote(arguments: Any, given: _Object) -> None:
    [block] = answered({"tool_calls": [called(arguments=arguments)]})["content"]
    assert block["input"] == given


def test_a_call_without_an_id_gets_one() -> None:
    ids = [block["id"] for block in answered({"tool_calls": [called(call_id=None), called(call_id="")]})["content"]]
    assert len(set(ids)) == 2
    assert all(ids)


def test_what_is_no_completion_is_no_message() -> None:
    with pytest.raises(NotACompletionError):
        EXCHANGE.completion(b'{"choices": []}')


# Streams


def chunk(finish_reason: str | None = None, **delta: Any) -> _Object:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "up-1", "choices": [choice]}


def part(index: int, arguments: str, call_id: str | None = None, name: str | None = None) -> _Object:
    function = {"arguments": arguments} | ({"name": name} if name else {})
    return {"index": index, "function": function} | ({"id": call_id, "type": "function"} if call_id else {})


ONLY_USAGE = {"id": "chatcmpl-1", "model": "up-1", "choices": [], "usage": USAGE}
DONE = ServerEvent(b"", b"[DONE]")


def read(*events: Any) -> tuple[list[Chunk], StreamReader]:
    reader = EXCHANGE.stream()
    sent = [event if isinstance(event, ServerEvent) else ServerEvent(b"", orjson.dumps(event)) for event in events]
    return [chunk for event in sent for chunk in reader.chunks(event)], reader


def streamed(*events: Any) -> list[_Object]:
    chunks, reader = read(*events)
    assert reader.so_far.whole
    return [orjson.loads(each.data) for each in (*chunks, *reader.end())]


def blocks_in(events: list[_Object]) -> list[_Object]:
    """What they add up to, by the rules of the form: blocks in a row, by their index, none within another."""
    blocks: list[_Object] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert (event["index"], is_open) == (len(blocks), False)
                blocks.append({**event["content_block"], "json": ""})
                is_open = True
            case "content_block_delta":
                assert (event["index"], is_open) == (len(blocks) - 1, True)
                delta = event["delta"]
                name = {"input_json_delta": "json"}.get(delta["type"], delta["type"].removesuffix("_delta"))
                blocks[-1][name] += delta.get("partial_json") or delta.get(name)
            case "content_block_stop":
                assert (event["index"], is_open) == (len(blocks) - 1, True)
                is_open = False
    assert not is_open
    return [
        {name: value for name, value in block.items() if name != "json"}
        | ({"input": orjson.loads(block["json"] or "{}")} if block["type"] == "tool_use" else {})
        for block in blocks
    ]


def test_a_stream_is_told_as_events() -> None:
    events = streamed(
        chunk(role="assistant", content=""), chunk(content="hel"), chunk(content="lo"), chunk("stop"), ONLY_USAGE, DONE
    )
    assert [event["type"] for event in events] == [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0]["message"]["content"] == []
    assert blocks_in(events) == [{"type": "text", "text": "hello"}]
    assert events[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None}
    assert (events[-2]["usage"]["input_tokens"], events[-2]["usage"]["output_tokens"]) == (6, 5)


def test_thoughts_are_a_block_of_their_own_with_a_signature() -> None:
    events = streamed(
        chunk(reasoning_content="h"), chunk(reasoning_content="m"), chunk(content="a"), chunk("stop"), DONE
    )
    thought = {"type": "thinking", "thinking": "hm", "signature": SIGNATURE}
    assert blocks_in(events) == [thought, {"type": "text", "text": "a"}]


def test_a_call_is_told_while_its_arguments_come_and_the_next_one_as_soon_as_it_is_whole() -> None:
    chunks, reader = read(
        chunk(tool_calls=[part(0, "", "call_1", "find")]),
        chunk(tool_calls=[part(0, '{"city": ')]),
        chunk(tool_calls=[part(0, '"Bern"}')]),
        chunk(tool_calls=[part(1, "", "call_2", "see")]),
        chunk(tool_calls=[part(1, '{"a":')]),
    )
    kinds = [orjson.loads(each.data)["type"].removeprefix("content_block_") for each in chunks]
    assert kinds == ["message_start", "start", "delta", "delta", "stop", "start", "delta"]
    assert not reader.so_far.whole


def test_interleaved_calls_become_blocks_in_a_row() -> None:
    first, second = {"type": "tool_use", "id": "call_1", "name": "a"}, {"type": "tool_use", "id": "call_2", "name": "b"}
    events = streamed(
        chunk(tool_calls=[part(0, "", "call_1", "a"), part(1, "", "call_2", "b")]),
        chunk(tool_calls=[part(0, '{"x"'), part(1, '{"y"')]),
        chunk(content="by the way"),
        chunk(tool_calls=[part(1, ":2}"), part(0, ":1}")]),
        chunk("tool_calls"),
        DONE,
    )
    assert blocks_in(events) == [
        {**first, "input": {"x": 1}},
        {**second, "input": {"y": 2}},
        {"type": "text", "text": "by the way"},
    ]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_calls_that_share_an_index_are_told_apart_by_their_ids() -> None:
    events = streamed(
        chunk(tool_calls=[part(0, "{}", "call_1", "a")]),
        chunk(tool_calls=[part(0, "{}", "call_2", "b")]),
        chunk("stop"),
    )
    assert [(block["id"], block["name"]) for block in blocks_in(events)] == [("call_1", "a"), ("call_2", "b")]


def test_a_call_may_say_its_name_late_and_need_say_no_arguments() -> None:
    events = streamed(
        chunk(tool_calls=[part(0, "", "call_1")]), chunk(tool_calls=[part(0, "", None, "a")]), chunk("tool_calls")
    )
    assert blocks_in(events) == [{"type": "tool_use", "id": "call_1", "name": "a", "input": {}}]


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([chunk(tool_calls=[part(0, "{}", "call_1")]), chunk("tool_calls")], id="a call without a name"),
        pytest.param(
            [
                chunk(tool_calls=[part(0, "{}", "call_1", "a")]),
                chunk(tool_calls=[part(1, "{}", "call_2", "b")]),
                chunk(tool_calls=[part(0, "more")]),
            ],
            id="a whole call that goes on",
        ),
        pytest.param(
            [chunk(tool_calls=[part(0, "{", "call_1", "a")]), *[chunk(content="x" * 2**20)] * 5], id="too much waits"
        ),
        pytest.param([chunk(content="a"), *[chunk(content="a"), chunk(reasoning="b")] * 600], id="too many blocks"),
    ],
)
def test_a_stream_that_cannot_be_told_is_broken(events: list[Any]) -> None:
    with pytest.raises(BrokenStreamError):
        read(*events)


def test_a_cut_stream_says_nothing_that_ends_it() -> None:
    chunks, reader = read(chunk(reasoning="hm"), chunk(content="a"), chunk(tool_calls=[part(0, '{"a"', "c", "f")]))
    assert not reader.so_far.whole
    assert not any(each.ends for each in chunks)
    assert {orjson.loads(each.data)["type"] for each in chunks}.isdisjoint({"message_delta", "message_stop"})


def test_only_the_last_words_end_a_message_and_only_content_is_content() -> None:
    chunks, reader = read(chunk(content="a"), chunk(tool_calls=[part(0, "{}", "c", "f")]), chunk("stop"))
    told = [*chunks, *reader.end()]
    kinds = {(orjson.loads(each.data)["type"], each.holds_content, each.ends) for each in told}
    assert kinds == {
        ("message_start", False, False),
        ("content_block_start", False, False),  # of a text
        ("content_block_delta", True, False),
        ("content_block_stop", False, False),
        ("content_block_start", True, False),  # of a call
        ("message_delta", False, True),
        ("message_stop", False, True),
    }


def test_what_is_booked_of_a_stream() -> None:
    _, reader = read(chunk(content="abc"), chunk("length"), ONLY_USAGE, DONE)
    so_far = reader.so_far
    assert (so_far.usage, so_far.characters, so_far.response_model) == (Usage(10, 5, 4), 3, "up-1")
    assert so_far.read.finish_reasons == ("length",)


def test_an_error_in_the_stream_is_the_endpoints_own() -> None:
    with pytest.raises(ErrorInStreamError):
        read(chunk(content="a"), {"error": {"message": "no", "code": 429}})


@cache
def event_types() -> TypeAdapter[Any]:
    from anthropic.types import RawMessageStreamEvent  # not at the top: it takes a second

    return TypeAdapter(RawMessageStreamEvent)


PIECES = st.lists(
    st.one_of(
        st.text(max_size=5).map(lambda words: ("content", words)),
        st.text(max_size=5).map(lambda words: ("reasoning_content", words)),
        st.tuples(st.just("call"), st.integers(0, 3)),
    ),
    max_size=20,
)


@given(PIECES, st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_any_stream_of_a_chat_adds_up_to_the_same_message(pieces: list[tuple[str, Any]], random: Any) -> None:
    """Whichever way calls are interleaved: the same text, thoughts and calls, in the vendor's own types."""
    sent: list[_Object] = []
    arguments = {n: f'{{"a{n}": {{"b": "{"}" * n}"}}}}' for n in range(4)}
    left: dict[int, str] = {}
    for kind, value in pieces:
        if kind != "call":
            sent.append(chunk(**{kind: value}))
        elif value not in left:
            left[value] = arguments[value]
            sent.append(chunk(tool_calls=[part(value, "", f"call_{value}", f"tool{value}")]))
        else:
            size = random.randint(1, 8)
            sent.append(chunk(tool_calls=[part(value, left[value][:size])]))
            left[value] = left[value][size:]
    sent += [chunk(tool_calls=[part(n, rest)]) for n, rest in left.items() if rest]

    events = streamed(*sent, chunk("stop"), ONLY_USAGE, DONE)

    for event in events:
        event_types().validate_python(event)
    said = {"text": "", "thinking": ""}
    calls = {}
    for block in blocks_in(events):
        if block["type"] == "tool_use":
            calls[block["id"]] = (block["name"], block["input"])
        else:
            said[block["type"]] += block[block["type"]]
    assert said["text"] == "".join(value for kind, value in pieces if kind == "content")
    assert said["thinking"] == "".join(value for kind, value in pieces if kind == "reasoning_content")
    assert calls == {f"call_{n}": (f"tool{n}", orjson.loads(arguments[n])) for n in left}


def test_a_whole_message_can_be_told_as_events() -> None:
    message = answered({"content": "I look.", "reasoning_content": "hm", "tool_calls": [called()]}, "tool_calls")
    chunks = list(events_of(orjson.dumps(message)))
    events = [orjson.loads(each.data) for each in chunks]
    assert blocks_in(events) == message["content"]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"
    assert events[-2]["usage"] == message["usage"]
    assert [each.ends for each in chunks[-2:]] == [True, True]
