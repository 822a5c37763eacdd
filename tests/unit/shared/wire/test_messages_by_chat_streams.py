"""What an endpoint of OpenAI's chat form streams, as the events of one of Anthropic's messages."""

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from shared.wire import Usage
from shared.wire.messages.answer import events_of
from shared.wire.messages.words import SIGNATURE
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.streams import BrokenStreamError, Chunk, ErrorInStreamError, StreamReader
from tests.unit.shared.wire.messages_by_chat import EXCHANGE, USAGE, answered, blocks_in, called

_Object = dict[str, Any]


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
