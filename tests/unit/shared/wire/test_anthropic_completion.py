from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire import Completion, CompletionRead, NotACompletionError, Usage
from shared.wire.chat_by_messages.exchange import ChatByMessages

ANTHROPIC = ChatByMessages()
ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-2026",
    "content": [{"type": "text", "text": "hi"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 4},
}


def completion(**fields: object) -> Completion:
    return ANTHROPIC.completion(orjson.dumps(ANSWER | fields))


def told(**fields: object) -> dict[str, Any]:
    body: dict[str, Any] = orjson.loads(completion(**fields).body)
    return body


def test_the_answer_is_an_openai_completion() -> None:
    body = told()
    assert isinstance(body.pop("created"), int)
    assert body == {
        "id": "msg_1",
        "object": "chat.completion",
        "model": "claude-2026",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        },
    }


def test_what_is_booked_is_read_from_the_answer() -> None:
    assert completion().read == CompletionRead("hi", "claude-2026", ("stop",), Usage(3, 4), characters=2)


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("tool_use", "tool_calls"),
        ("pause_turn", "stop"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content_filter"),
        ("of tomorrow", "stop"),
        (None, "stop"),
    ],
)
def test_stop_reasons_are_translated(stop_reason: str | None, finish_reason: str) -> None:
    assert told(stop_reason=stop_reason)["choices"][0]["finish_reason"] == finish_reason
    assert completion(stop_reason=stop_reason).read.finish_reasons == (finish_reason,)


@pytest.mark.parametrize("usage", [None, [], {}, {"input_tokens": "three", "output_tokens": -1}])
def test_usage_that_says_nothing_is_booked_as_unknown(usage: object) -> None:
    known = completion(usage=usage)
    assert known.read.usage == Usage(None, None)
    translated = orjson.loads(known.body)["usage"]
    assert (translated["prompt_tokens"], translated["completion_tokens"], translated["total_tokens"]) == (0, 0, 0)


def test_what_was_cached_is_counted_within_the_prompt() -> None:
    usage = {"input_tokens": 10, "cache_read_input_tokens": 70, "cache_creation_input_tokens": 20, "output_tokens": 4}
    known = completion(usage=usage)
    assert known.read.usage == Usage(100, 4, 70, 20)
    assert orjson.loads(known.body)["usage"] == {
        "prompt_tokens": 100,
        "completion_tokens": 4,
        "total_tokens": 104,
        "prompt_tokens_details": {"cached_tokens": 70, "cache_write_tokens": 20},
    }


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": 1, "cache_read_input_tokens": None, "cache_creation_input_tokens": "twenty"},
        {"input_tokens": 1, "cache_read_input_tokens": -1, "cache_creation_input_tokens": True},
    ],
)
def test_cached_tokens_that_are_no_numbers_are_none(usage: dict[str, object]) -> None:
    assert completion(usage=usage).read.usage == Usage(1, None, 0, 0)


def test_a_prompt_longer_than_can_be_booked_is_unknown() -> None:
    usage = {"input_tokens": 2**31 - 1, "cache_read_input_tokens": 2**31 - 1, "output_tokens": 4}
    assert completion(usage=usage).read.usage == Usage(None, 4, 0, 0)


def test_text_blocks_are_joined_and_thinking_stands_beside_them() -> None:
    content = [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert told(content=content)["choices"][0]["message"] == {
        "role": "assistant",
        "content": "ab",
        "reasoning_content": "hm",
        "thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": ""}],
    }


@pytest.mark.parametrize("name", ["id", "model", "stop_reason"])
def test_what_is_no_text_is_left_out_however_deep_it_is(name: str) -> None:
    deep = b"[" * 900 + b"]" * 900
    answer = orjson.dumps(ANSWER | {name: "DEEP"}).replace(b'"DEEP"', deep)
    assert orjson.loads(ANTHROPIC.completion(answer).body)["choices"][0]["finish_reason"] == "stop"


def test_an_empty_answer_is_an_empty_text() -> None:
    assert told(content=[])["choices"][0]["message"] == {"role": "assistant", "content": ""}


def test_tool_uses_become_tool_calls() -> None:
    uses = [{"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"city": "Bern"}}]
    assert told(content=uses, stop_reason="tool_use")["choices"][0] == {
        "index": 0,
        "message": {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "toolu_1", "type": "function", "function": {"name": "f", "arguments": '{"city":"Bern"}'}}
            ],
        },
        "finish_reason": "tool_calls",
    }


ARGUMENTS = st.dictionaries(
    st.text(max_size=5), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5), max_size=3
)


@given(st.text(), st.lists(st.tuples(st.text(), st.text(), ARGUMENTS), min_size=1, max_size=3))
def test_an_answer_with_tool_calls_comes_back_as_it_was_in_the_next_request(
    text: str, uses: list[tuple[str, str, dict[str, object]]]
) -> None:
    blocks: list[dict[str, object]] = [{"type": "text", "text": text}] if text.strip() else []
    blocks += [{"type": "tool_use", "id": one, "name": name, "input": given} for one, name, given in uses]
    message = told(content=blocks)["choices"][0]["message"]
    results = [{"role": "tool", "tool_call_id": call["id"], "content": ""} for call in message["tool_calls"]]
    sent = orjson.loads(
        ANTHROPIC.request("m", {}, {"messages": [{"role": "user", "content": "hi"}, message, *results]})
    )
    _, said, answered = sent["messages"]
    again = [block for block in said["content"] if block["type"] == "tool_use"]
    assert [block["input"] for block in again] == [given for _, _, given in uses]
    assert [result["tool_use_id"] for result in answered["content"]] == [block["id"] for block in again]
    assert len({block["id"] for block in again}) == len(uses)
    assert said["content"][: -len(uses)] == blocks[: -len(uses)]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "the body is not JSON"),
        (b"event: message_start", "the body is not JSON"),
        (b"null", "the JSON has no content"),
        (b"[]", "the JSON has no content"),
        (b"{}", "the JSON has no content"),
        (b'{"content": "hi"}', "the JSON has no content"),
        (b'{"content": ["hi"]}', "the JSON has no content"),
        (b'{"choices": [{"message": {}}]}', "the JSON has no content"),
        (b'{"content": [{"type": "tool_use", "input": ' + b"[" * 900 + b"]" * 900 + b"}]}", "nested too deeply"),
    ],
)
def test_a_200_that_is_no_message_is_told_what_is_missing(answer: bytes, why: str) -> None:
    with pytest.raises(NotACompletionError, match=why):
        ANTHROPIC.completion(answer)


JSON = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(["id", "model", "stop_reason", "usage"]), JSON), st.lists(
    st.dictionaries(st.sampled_from(["type", "text", "id", "name", "input"]), JSON | st.just("tool_use"))))  # fmt: skip
def test_whatever_a_message_holds_becomes_a_completion(fields: dict[str, object], content: list[object]) -> None:
    body = told(**fields, content=content)
    assert body["choices"][0]["message"]["role"] == "assistant"
