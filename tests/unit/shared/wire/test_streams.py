"""Streams of both wire formats, as endpoints send them: what becomes of them, and what is known of their answers."""

import json
from typing import Any

import orjson
import pytest

from shared.wire import WireFormat, exchange_of, read_completion
from shared.wire.messages.answer import events_of
from shared.wire.reading.collected import Collected, chunks_of
from shared.wire.reading.completions import Usage
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.streams import BrokenStreamError, Chunk, ErrorInStreamError, StreamReader, text_in


def _stream(*events: Any, wire_format: WireFormat = "openai") -> tuple[list[Chunk], StreamReader]:
    exchange = exchange_of("chat", "openai", wire_format)
    assert exchange is not None
    reader = exchange.stream()
    sent = [event if isinstance(event, ServerEvent) else ServerEvent(b"", _data(event)) for event in events]
    return [chunk for event in sent for chunk in reader.chunks(event)], reader


def _data(event: Any) -> bytes:
    return event if isinstance(event, bytes) else orjson.dumps(event)


def _chunk(*, index: int = 0, finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


_USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
_ONLY_USAGE = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": _USAGE}
_DONE = b"[DONE]"


@pytest.mark.parametrize(
    ("chunk", "text"),
    [
        (_chunk(content="a"), "a"),
        (_chunk(index=1, content="a"), ""),
        (_chunk(content=None, reasoning_content="a"), ""),
        (_chunk(content=[{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]), "a"),
        (_chunk(content=5), ""),
        (_ONLY_USAGE, ""),
    ],
    ids=["first choice", "another choice", "thoughts", "parts", "no text", "usage"],
)
def test_the_text_of_a_chunk_is_that_of_the_first_choice(chunk: dict[str, Any], text: str) -> None:
    assert text_in(chunk) == text


def test_a_chunk_passes_through_as_it_was_written() -> None:
    written = b'{"choices":[{"index":0,"delta":{"content":"\\u00e4"}}],  "vendor":1.0}'
    chunks, _ = _stream(written)
    assert [chunk.data for chunk in chunks] == [written]


@pytest.mark.parametrize(
    ("events", "whole"),
    [
        pytest.param([_chunk(content="a"), _chunk(finish_reason="stop"), _DONE], True, id="as it should be"),
        pytest.param([_chunk(content="a"), _chunk(finish_reason="stop")], True, id="no last word"),
        pytest.param([_chunk(content="a"), _DONE], True, id="no finish reason"),
        pytest.param([_chunk(content="a")], False, id="cut"),
        pytest.param([], False, id="nothing"),
        pytest.param([_ONLY_USAGE], False, id="only usage"),
        pytest.param(
            [_chunk(content="a"), _chunk(index=1, content="b"), _chunk(finish_reason="stop")],
            False,
            id="one of two cut",
        ),
    ],
)
def test_a_stream_that_was_cut_is_not_whole(events: list[Any], whole: bool) -> None:
    _, reader = _stream(*events)
    assert reader.so_far.whole is whole


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([_chunk(content="a"), _ONLY_USAGE, _DONE], id="before the end"),
        pytest.param([_chunk(content="a"), _DONE, _ONLY_USAGE], id="after the end"),
        pytest.param([_chunk(content="a") | {"usage": _USAGE}, _DONE], id="on the last chunk"),
        pytest.param([_chunk(content="a") | {"usage": _USAGE}, _ONLY_USAGE | {"usage": None}, _DONE], id="null later"),
    ],
)
def test_usage_is_read_wherever_it_stands(events: list[Any]) -> None:
    chunks, reader = _stream(*events)
    assert reader.so_far.usage == Usage(3, 2)
    assert chunks[0].holds_content


@pytest.mark.parametrize(
    "last",
    [
        _chunk(finish_reason="stop") | {"x_groq": {"usage": _USAGE}},
        _chunk() | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "usage": _USAGE}]},
        _chunk(finish_reason="stop") | {"timings": {"prompt_n": 3, "predicted_n": 2}},
        _ONLY_USAGE | {"usage": {"prompt_tokens": "3", "completion_tokens": 2.0}},
    ],
    ids=["Groq", "Moonshot", "llama.cpp", "numbers in other forms"],
)
def test_usage_is_read_wherever_a_vendor_says_it(last: dict[str, Any]) -> None:
    _, reader = _stream(_chunk(content="a"), last, _DONE)
    assert reader.so_far.usage == Usage(3, 2)


def test_the_usage_that_is_told_at_the_end_is_the_endpoints_own() -> None:
    said = {**_USAGE, "cost": 0.5, "prompt_tokens_details": {"cached_tokens": 1}}
    _, reader = _stream(_chunk(content="a"), _chunk(finish_reason="stop") | {"usage": said}, _DONE)
    assert [orjson.loads(chunk.data)["usage"] for chunk in reader.end()] == [said]


@pytest.mark.parametrize(
    ("sent", "deltas"),
    [
        ([{"message": {"content": "a"}}, {"message": {"content": "b"}}], ["a", "b"]),
        ([{"text": "a"}, {"text": "b"}], ["a", "b"]),
        ([{"delta": {"content": "a"}}, {"message": {"content": "a"}, "finish_reason": "stop"}], ["a", None]),
        ([{"delta": {"content": "a"}}, {"content_filter_offsets": {}}], ["a", None]),
    ],
    ids=["messages", "texts", "a message that says all again", "no delta"],
)
def test_clients_find_what_is_said_in_deltas(sent: list[dict[str, Any]], deltas: list[str | None]) -> None:
    chunks, _ = _stream(*({"choices": [{"index": 0, **choice}]} for choice in sent))
    told = [orjson.loads(chunk.data)["choices"][0].get("delta", {}).get("content") for chunk in chunks]
    assert told == deltas


def test_a_chunk_that_is_no_json_to_the_letter_is_written_anew() -> None:
    chunks, _ = _stream(b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"},"logprobs":NaN}]}', b" ", b"[DONE] ")
    assert [orjson.loads(chunk.data)["choices"][0]["delta"]["content"] for chunk in chunks] == ["\ufffd"]


def test_usage_beside_content_is_for_the_books_alone() -> None:
    """Clients would add it to that of the chunk which ends the stream."""
    chunks, _ = _stream(_chunk(content="a") | {"usage": _USAGE}, _DONE)
    assert [orjson.loads(chunk.data)["usage"] for chunk in chunks] == [None]


@pytest.mark.parametrize(
    "event",
    [
        pytest.param({"error": {"message": "no", "code": 429}}, id="an error object"),
        pytest.param(ServerEvent(b"error", b"overloaded"), id="an error event that is not JSON"),
        pytest.param(ServerEvent(b"error", b'{"message": "no"}'), id="an error event"),
        pytest.param({"choices": [{"index": 0, "finish_reason": "error", "delta": {}}]}, id="a choice that failed"),
        pytest.param({"choices": [{"index": 0, "error": {"code": 502}, "delta": {}}]}, id="an error in a choice"),
        pytest.param({"choices": [{"index": 0, "error": "no", "delta": {}}]}, id="an error in a choice, in words"),
        pytest.param({"object": "error", "message": "no", "code": 400}, id="an error of vLLM"),
        pytest.param({"code": 429, "message": "no"}, id="a code"),
        pytest.param({"choices": [], "base_resp": {"status_code": 1002}}, id="an error of MiniMax"),
        pytest.param(b'[{"error": {"code": 503}}]', id="an error in a list"),
        pytest.param(b"upstream error: 503", id="a line of a proxy"),
    ],
)
def test_an_error_in_the_stream_is_the_endpoints_own(event: Any) -> None:
    with pytest.raises(ErrorInStreamError):
        _stream(_chunk(content="a"), event)


@pytest.mark.parametrize(
    "event",
    [
        {"choices": [], "prompt_filter_results": []},
        {"error": None, **_ONLY_USAGE},
        {"object": "ping"},
        {"status": "queued", "message": "you are the third"},
    ],
    ids=["Azure's filters", "no error", "a ping", "words"],
)
def test_what_holds_no_choice_is_no_error_for_that(event: dict[str, Any]) -> None:
    chunks, _ = _stream(_chunk(content="a"), event)
    assert len(chunks) == 2


@pytest.mark.parametrize("error", [{}, {"error": {"code": 502, "message": "no"}}], ids=str)
def test_an_error_in_a_choice_is_told_without_the_text_beside_it(error: Any) -> None:
    choice = {"index": 0, "finish_reason": "error", "delta": {"content": "private"}, **error}
    with pytest.raises(ErrorInStreamError) as caught:
        _stream({"choices": [choice]})
    assert list(orjson.loads(caught.value.body)) == ["error"]
    assert b"private" not in caught.value.body


@pytest.mark.parametrize("event", [b"{", b"7", b"[]", b"null", b"<html>"], ids=repr)
@pytest.mark.parametrize("wire_format", ["openai", "anthropic"])
def test_what_is_no_chunk_breaks_the_stream(event: bytes, wire_format: WireFormat) -> None:
    with pytest.raises(BrokenStreamError):
        _stream(event, wire_format=wire_format)


@pytest.mark.parametrize(
    ("delta", "holds"),
    [
        ({"role": "assistant", "content": ""}, False),
        ({"content": "a"}, True),
        ({"reasoning_content": "a"}, True),
        ({"refusal": "no"}, True),
        ({"tool_calls": [{"index": 0, "id": "t"}]}, True),
        ({}, False),
    ],
    ids=str,
)
def test_content_is_told_from_what_only_frames_it(delta: dict[str, Any], holds: bool) -> None:
    (chunk,), _ = _stream(_chunk(**delta))
    assert chunk.holds_content is holds


@pytest.mark.parametrize(
    "hostile", [{"choices": 7}, {"choices": [7, None]}, {"choices": [{"delta": 7, "index": "x"}]}], ids=str
)
def test_nothing_in_a_chunk_is_taken_for_well_formed(hostile: dict[str, Any]) -> None:
    chunks, reader = _stream(hostile)
    collected = Collected()
    for chunk in chunks:
        collected.add(orjson.loads(chunk.data))
    assert orjson.loads(collected.completion())["object"] == "chat.completion"
    assert reader.so_far.read.usage == Usage()


def _anthropic(*deltas: dict[str, Any], stop_reason: str = "end_turn") -> list[dict[str, Any]]:
    message = {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 5, "cache_read_input_tokens": 2}}
    return [
        {"type": "message_start", "message": message},
        {"type": "ping"},
        *deltas,
        {"type": "message_delta", "delta": {"stop_reason": stop_reason}, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]


def _collected(chunks: list[Chunk]) -> dict[str, Any]:
    collected = Collected()
    for chunk in chunks:
        collected.add(orjson.loads(chunk.data))
    whole: dict[str, Any] = orjson.loads(collected.completion())
    return whole


def test_a_text_from_anthropic() -> None:
    chunks, reader = _stream(
        *_anthropic(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo"}},
            {"type": "content_block_stop", "index": 0},
        ),
        wire_format="anthropic",
    )
    assert read_completion(_collected(chunks)).text == "Hello"
    assert reader.so_far.whole
    assert reader.so_far.read.finish_reasons == ("stop",)
    assert reader.so_far.usage == Usage(7, 9, 2, 0)
    assert reader.so_far.characters == 5


def test_what_the_model_thinks_is_not_its_answer() -> None:
    chunks, _ = _stream(
        *_anthropic(
            {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
            {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
            {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": "Hi"}},
        ),
        wire_format="anthropic",
    )
    message = _collected(chunks)["choices"][0]["message"]
    assert message == {"role": "assistant", "content": "Hi", "reasoning_content": "hm"}


@pytest.mark.parametrize(
    ("block", "deltas", "arguments"),
    [
        pytest.param({}, ['{"a": ', "1}"], '{"a": 1}', id="in parts"),
        pytest.param({}, [""], "{}", id="without any"),
        pytest.param({"a": 1}, [], '{"a":1}', id="whole at its beginning"),
    ],
)
def test_tool_calls_from_anthropic(block: dict[str, Any], deltas: list[str], arguments: str) -> None:
    tool = {"type": "tool_use", "id": "t1", "name": "find", "input": block}
    parts = [{"type": "input_json_delta", "partial_json": part} for part in deltas]
    chunks, reader = _stream(
        *_anthropic(
            {"type": "content_block_start", "index": 1, "content_block": tool},
            *({"type": "content_block_delta", "index": 1, "delta": part} for part in parts),
            {"type": "content_block_stop", "index": 1},
            stop_reason="tool_use",
        ),
        wire_format="anthropic",
    )
    message = _collected(chunks)["choices"][0]["message"]
    assert message["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "find", "arguments": arguments}}
    ]
    assert reader.so_far.read.finish_reasons == ("tool_calls",)


def test_a_stream_from_anthropic_that_was_cut_is_not_whole() -> None:
    _, reader = _stream(*_anthropic()[:-2], wire_format="anthropic")
    assert not reader.so_far.whole


_COMPLETION = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "logprobs": None, "finish_reason": "stop"},
        {
            "index": 1,
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}},
                    {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            "logprobs": {"content": [{"token": "x", "logprob": -0.5}]},
            "finish_reason": "tool_calls",
        },
    ],
    "usage": _USAGE,
}


def test_a_completion_as_a_stream_is_the_same_completion() -> None:
    chunks = list(chunks_of(orjson.dumps(_COMPLETION)))
    assert _collected(chunks) == _COMPLETION


def test_names_that_are_said_again_are_not_continued() -> None:
    call = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "{"}}
    again = {"index": 0, "id": "a", "type": "function", "function": {"name": "f", "arguments": "}"}}
    chunks, _ = _stream(_chunk(role="assistant", tool_calls=[call]), _chunk(role="assistant", tool_calls=[again]))
    (collected,) = _collected(chunks)["choices"][0]["message"]["tool_calls"]
    assert collected == {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_what_is_too_deep_to_be_written_breaks_the_stream_also_where_it_is_written_as_a_text() -> None:
    deep = {"type": "tool_use", "id": "t", "name": "f", "input": {"a": orjson.loads(b"[" * 500 + b"]" * 500)}}
    start = (
        b'{"type":"content_block_start","index":0,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"a":'
    )
    begun = start + b"[" * 500 + b"]" * 500 + b"}}}"
    with pytest.raises(BrokenStreamError, match="nested too deeply"):
        _stream(begun, {"type": "content_block_stop", "index": 0}, wire_format="anthropic")
    with pytest.raises(BrokenStreamError, match="nested too deeply"):
        list(events_of(json.dumps({"content": [deep]}).encode()))
