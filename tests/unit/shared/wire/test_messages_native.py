"""Anthropic's messages asked of an endpoint that speaks them: what passes, what is mended, what is read on the way."""

from typing import Any

import orjson
import pytest

from shared.wire import CompletionRead, NotACompletionError, Usage, exchange_of
from shared.wire.messages.answer import events_of
from shared.wire.messages.exchanges import CountTokens, PlainMessages
from shared.wire.messages.words import SIGNATURE
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.streams import BrokenStreamError, Chunk, ErrorInStreamError, StreamReader

EXCHANGE = PlainMessages()
_Object = dict[str, Any]
HELLO = {"role": "user", "content": "hi"}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "find", "input": {}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "ok"}


def sent(body: _Object, defaults: _Object | None = None) -> _Object:
    asked: _Object = orjson.loads(EXCHANGE.request("claude-9", defaults or {}, body))
    return asked


def mended(*content: _Object) -> list[_Object]:
    body = {"max_tokens": 1, "messages": [HELLO, {"role": "assistant", "content": list(content)}]}
    turns: list[_Object] = sent(body)["messages"][1:]
    return [block for turn in turns for block in turn["content"]]


def test_it_is_the_exchange_of_the_form_with_such_endpoints() -> None:
    assert isinstance(exchange_of("chat", "anthropic", "anthropic"), PlainMessages)


def test_a_body_passes_as_it_is_but_for_the_models_name_and_our_own_fields() -> None:
    body = {
        "model": "custom:claude",
        "max_tokens": 1024,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tomorrow": {"a": 1},
        "messages": [HELLO, {"role": "assistant", "content": [THOUGHT, CALL]}, {"role": "user", "content": [RESULT]}],
    }
    assert sent(body | {"deadline_s": 3, "policy": "fastest", "no_fallback": True}) == body | {"model": "claude-9"}


def test_what_the_model_is_configured_with_fills_what_the_caller_left_out() -> None:
    defaults = {"max_tokens": 5, "temperature": 0.2, "stop": ["END"], "top_k": 3, "thinking": {"type": "adaptive"}}
    body = {"max_tokens": 9, "messages": [HELLO], "temperature": 0.9}
    assert sent(body, defaults) == {
        "model": "claude-9",
        "messages": [HELLO],
        "max_tokens": 9,
        "temperature": 0.9,
        "stop_sequences": ["END"],
        "top_k": 3,
        "thinking": {"type": "adaptive"},
    }


def test_a_body_of_kafka_without_a_limit_gets_one() -> None:
    assert sent({"messages": [HELLO]})["max_tokens"] > 0


def test_thoughts_of_other_models_are_no_thoughts_of_claude() -> None:
    ours = {"type": "thinking", "thinking": "hm", "signature": SIGNATURE}
    assert mended(ours, THOUGHT, CALL) == [THOUGHT, CALL]
    assert mended(ours) == []


def test_ids_that_are_none_are_mapped_alike_in_call_and_result() -> None:
    strange = "functions.find:0"
    turns = [
        HELLO,
        {"role": "assistant", "content": [{**CALL, "id": strange}]},
        {"role": "user", "content": [{**RESULT, "tool_use_id": strange}]},
        {"role": "assistant", "content": [{**CALL, "id": strange}]},
        {"role": "user", "content": [{**RESULT, "tool_use_id": strange}]},
    ]
    told = sent({"max_tokens": 1, "messages": turns})["messages"]
    ids = [turn["content"][0].get("id") or turn["content"][0]["tool_use_id"] for turn in told[1:]]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert all(each.replace("_", "").isalnum() for each in ids)


@pytest.mark.parametrize(
    "messages", ["hi", [1], [{"role": "user", "content": [1, {"type": "tool_use"}]}], [{"content": None}]], ids=str
)
def test_what_is_no_conversation_is_for_the_endpoint_to_refuse(messages: Any) -> None:
    assert sent({"max_tokens": 1, "messages": messages})["messages"] == messages


ANSWER = (
    b'{"type": "message",  "id": "msg_1", "role": "assistant", "model": "claude-9-1", "content": '
    b'[{"type":"thinking","thinking":"hm","signature":"c2ln"},{"type":"text","text":"a"},{"type":"text","text":"b"}],'
    b'"stop_reason":"stop_sequence","stop_sequence":"END","tomorrow":1.0,'
    b'"usage":{"input_tokens":3,"output_tokens":4,"cache_read_input_tokens":2,"cache_creation_input_tokens":1}}'
)


def test_an_answer_passes_as_it_was_written_and_is_read_for_the_books() -> None:
    completion = EXCHANGE.completion(ANSWER)
    assert completion.body == ANSWER
    assert completion.read == CompletionRead("ab", "claude-9-1", ("stop",), Usage(6, 4, 2, 1), characters=4)


@pytest.mark.parametrize("answer", [b"{}", b'{"content": "hi"}', b'{"content": [1]}', b"[]", b"no"], ids=str)
def test_what_is_no_message_is_no_answer(answer: bytes) -> None:
    with pytest.raises(NotACompletionError):
        EXCHANGE.completion(answer)


def read(*events: _Object | ServerEvent) -> tuple[list[Chunk], StreamReader]:
    reader = EXCHANGE.stream()
    heard = [
        event if isinstance(event, ServerEvent) else ServerEvent(event["type"].encode(), orjson.dumps(event))
        for event in events
    ]
    return [chunk for event in heard for chunk in reader.chunks(event)], reader


def start(**usage: int) -> _Object:
    return {"type": "message_start", "message": {"model": "claude-9-1", "content": [], "usage": usage}}


def begin(block: _Object) -> _Object:
    return {"type": "content_block_start", "index": 0, "content_block": block}


def delta(**fields: Any) -> _Object:
    return {"type": "content_block_delta", "index": 0, "delta": fields}


def last(stop_reason: str | None, **usage: int) -> _Object:
    return {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": usage}


STOP = {"type": "message_stop"}
PING = {"type": "ping"}


def test_events_pass_as_they_were_written_but_for_pings() -> None:
    written = b'{"type": "content_block_delta", "index":0,"delta":{"type":"text_delta","text":"\\u00e4"}}'
    chunks, reader = read(PING, start(), ServerEvent(b"content_block_delta", written), last("end_turn"), PING, STOP)
    assert [chunk.data for chunk in chunks][1] == written
    assert len(chunks) == 4
    assert list(reader.end()) == []


def test_an_event_over_several_lines_or_without_a_type_is_written_anew() -> None:
    chunks, _ = read(start(), ServerEvent(b"message_stop", b"{\n}"))
    assert chunks[1].data == b'{"type":"message_stop"}'


@pytest.mark.parametrize(
    ("event", "holds_content"),
    [
        (start(), False),
        (begin({"type": "text", "text": ""}), False),
        (begin({"type": "thinking", "thinking": "", "signature": ""}), False),
        (begin({"type": "text", "text": "a"}), True),
        (begin(CALL), True),
        (begin({"type": "redacted_thinking", "data": "x"}), True),
        (begin({"type": "web_search_tool_result", "content": []}), True),
        (delta(type="text_delta", text="a"), True),
        (delta(type="text_delta", text=""), False),
        (delta(type="thinking_delta", thinking="a"), True),
        (delta(type="input_json_delta", partial_json=""), False),
        (delta(type="input_json_delta", partial_json="{"), True),
        (delta(type="signature_delta", signature="s"), True),
        (delta(type="citations_delta", citation={"a": 1}), True),
        ({"type": "content_block_stop", "index": 0}, False),
        (last("end_turn"), False),
        ({"type": "tomorrow"}, False),
    ],
    ids=str,
)
def test_what_of_it_is_the_answer(event: _Object, holds_content: bool) -> None:
    [chunk], _ = read(event)
    assert chunk.holds_content is holds_content


@pytest.mark.parametrize(
    ("events", "whole"),
    [
        pytest.param([start(), delta(type="text_delta", text="a"), last("end_turn"), STOP], True, id="as it should be"),
        pytest.param([start(), last("end_turn")], True, id="no last word"),
        pytest.param([start(), last(None, output_tokens=3)], False, id="usage only"),
        pytest.param([start(), delta(type="text_delta", text="a"), {"type": "content_block_stop"}], False, id="cut"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_a_stream_that_was_cut_is_not_whole(events: list[_Object], whole: bool) -> None:
    chunks, reader = read(*events)
    assert reader.so_far.whole is whole
    assert any(chunk.ends for chunk in chunks) is whole


def test_a_whole_stream_without_a_last_word_gets_one() -> None:
    _, reader = read(start(), last("end_turn"))
    assert [orjson.loads(chunk.data) for chunk in reader.end()] == [STOP]


def test_what_is_booked_of_a_stream() -> None:
    usage = {"input_tokens": 3, "cache_read_input_tokens": 2, "output_tokens": 1}
    _, reader = read(
        start(**usage),
        delta(type="thinking_delta", thinking="ab"),
        delta(type="text_delta", text="c"),
        delta(type="input_json_delta", partial_json="{}"),
        last("tool_use", output_tokens=9),
        STOP,
    )
    assert reader.so_far.usage == Usage(5, 9, 2)
    assert (reader.so_far.characters, reader.so_far.response_model) == (5, "claude-9-1")
    assert reader.so_far.read.finish_reasons == ("tool_calls",)


def test_an_error_in_the_stream_is_the_endpoints_own() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ErrorInStreamError) as caught:
        read(start(), error)
    assert orjson.loads(caught.value.body) == {"error": error["error"]}


def test_a_whole_answer_can_be_told_as_events() -> None:
    chunks = list(events_of(ANSWER))
    _, reader = read(*[orjson.loads(chunk.data) for chunk in chunks])
    told = [orjson.loads(chunk.data) for chunk in chunks]
    assert reader.so_far.whole
    assert told[-2]["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    deltas = [event["delta"] for event in told if event["type"] == "content_block_delta"]
    assert [next(value for name, value in each.items() if name != "type") for each in deltas] == [
        "hm",
        "c2ln",
        "a",
        "b",
    ]


def test_what_cannot_be_told_as_events_is_broken() -> None:
    with pytest.raises(BrokenStreamError):
        list(events_of(b"no"))


def test_a_count_is_asked_for_with_what_has_tokens_and_nothing_else() -> None:
    defaults = {"max_tokens": 5, "temperature": 0.2, "thinking": {"type": "adaptive"}}
    asked = orjson.loads(CountTokens().request("claude-9", defaults, {"messages": [HELLO], "system": "s"}))
    assert asked == {"model": "claude-9", "messages": [HELLO], "system": "s", "thinking": {"type": "adaptive"}}
    assert isinstance(exchange_of("count_tokens", "anthropic", "anthropic"), CountTokens)
    assert exchange_of("count_tokens", "anthropic", "openai") is None


def test_a_count_is_told_as_it_came_and_takes_no_tokens_itself() -> None:
    counted = CountTokens().completion(b'{"input_tokens": 12}')
    assert (counted.body, counted.read.usage) == (b'{"input_tokens": 12}', Usage(0, 0))


@pytest.mark.parametrize("answer", [b"{}", b'{"input_tokens": "twelve"}', b'{"input_tokens": -1}', b"no"], ids=str)
def test_what_is_no_count_is_no_answer(answer: bytes) -> None:
    with pytest.raises(NotACompletionError):
        CountTokens().completion(answer)
