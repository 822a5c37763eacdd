from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire import CompletionRead, NotACompletionError, UntranslatableError, Usage, dialect_of
from shared.wire.plain.chat import PlainChat
from shared.wire.reading.completions import ErrorInAnswerError

OPENAI = PlainChat()
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "upstream-2026",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}


def read(answer: dict[str, Any]) -> CompletionRead:
    return OPENAI.completion(orjson.dumps(answer)).read


def test_the_key_is_a_bearer_token() -> None:
    assert dialect_of("openai").headers("opensesame", "http://h/v1") == {"authorization": "Bearer opensesame"}


def test_without_a_key_there_is_no_header() -> None:
    assert dialect_of("openai").headers(None, "http://h/v1") == {}


def test_the_body_goes_on_with_the_models_name_and_defaults() -> None:
    sent = OPENAI.request("up", {"seed": 1}, {"messages": [{"role": "user"}], "model": "x"})
    assert orjson.loads(sent) == {"messages": [{"role": "user"}], "model": "up", "seed": 1}


def test_a_configured_stream_is_not_asked_for() -> None:
    sent = OPENAI.request("m", {"stream": True, "stream_options": {"include_usage": True}}, {"messages": []})
    assert orjson.loads(sent) == {"messages": [], "model": "m"}


def test_what_is_too_deep_to_be_written_is_refused() -> None:
    with pytest.raises(UntranslatableError, match="the body is nested too deeply"):
        OPENAI.request("m", {}, {"messages": orjson.loads(b"[" * 1000 + b"]" * 1000)})


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)
FIELDS = st.sampled_from(["messages", "tools", "stop", "stream", "model", "deadline_s", "max_tokens", "top_k"])


@given(st.dictionaries(FIELDS, JSON), st.dictionaries(FIELDS.filter(lambda name: name != "model"), JSON))
def test_whatever_is_asked_becomes_a_request(body: dict[str, Any], config: dict[str, Any]) -> None:
    sent = orjson.loads(OPENAI.request("m", config, body))
    assert sent["model"] == "m"
    assert "stream" not in sent or "stream" in body


def test_an_answer_passes_through_byte_for_byte() -> None:
    body = b' {"choices": [{"message": {"content": "\\u00e9", "x": 1.0}, "unknown": null}]} '
    assert OPENAI.completion(body).body == body


READABLE: dict[str, dict[str, Any]] = {
    "no id, no object, no time": {"choices": [{"message": {"content": "hi"}}]},
    "no reason to end": {"choices": [{"message": {"content": "hi"}, "finish_reason": None}]},
    "a reason of tomorrow": {"choices": [{"message": {"content": "hi"}, "finish_reason": "of tomorrow"}]},
    "numbers as texts": {"created": "1", "choices": [{"index": "0", "message": {"content": "hi"}}]},
    "an empty answer": {"choices": [{"message": {"content": ""}, "finish_reason": "stop"}]},
    "an answer that is missing": {"choices": [{"message": {"role": "assistant"}, "finish_reason": "stop"}]},
    "thoughts alone": {
        "choices": [{"message": {"content": None, "reasoning_content": "hm"}, "finish_reason": "length"}]
    },
    "parts": {"choices": [{"message": {"content": [{"type": "text", "text": "hi"}]}, "finish_reason": "stop"}]},
    "tools": {"choices": [{"message": {"tool_calls": [{"id": 1}]}, "finish_reason": "tool_calls"}]},
}


@pytest.mark.parametrize("answer", READABLE.values(), ids=list(READABLE))
def test_what_the_sdks_read_passes_as_it_is(answer: dict[str, Any]) -> None:
    sent = orjson.dumps(answer)
    assert OPENAI.completion(sent).body == sent


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"message": "hi"}, {"role": "assistant", "content": "hi"}),
        ({"text": "hi", "finish_reason": "stop"}, {"role": "assistant", "content": "hi"}),
        ({"delta": {"role": "model", "content": "hi"}}, {"role": "model", "content": "hi"}),
        ({"message": None, "finish_reason": "content_filter"}, {"role": "assistant", "content": None}),
    ],
    ids=["a text", "a completion of old", "a delta", "nothing but its end"],
)
def test_an_answer_in_another_form_is_put_into_the_form(choice: dict[str, Any], message: dict[str, Any]) -> None:
    known = OPENAI.completion(orjson.dumps({"id": "c", "choices": [choice], "x": 1}))
    assert orjson.loads(known.body) == {"id": "c", "choices": [{**choice, "message": message}], "x": 1}
    assert known.read.text == (message["content"] or "")


def test_a_stream_that_nobody_asked_for_is_read_as_the_completion_that_it_adds_up_to() -> None:
    chunks: list[dict[str, Any]] = [
        {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": "h"}}]},
        {"id": "c", "choices": [{"index": 0, "delta": {"content": "i"}, "finish_reason": "stop"}]},
        {"id": "c", "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}},
    ]
    known = OPENAI.completion(b": hello\n\n" + b"".join(b"data: %s\n\n" % orjson.dumps(chunk) for chunk in chunks))
    assert known.read == CompletionRead("hi", "m", ("stop",), Usage(3, 4), 2)
    assert orjson.loads(known.body)["choices"][0]["message"] == {"role": "assistant", "content": "hi"}


def test_an_answer_that_is_no_json_to_the_letter_is_written_anew() -> None:
    known = OPENAI.completion(b'\xef\xbb\xbf{"choices": [{"message": {"content": "hi"}, "logprobs": NaN}]}')
    assert known.body == b'{"choices":[{"message":{"content":"hi"},"logprobs":null}]}'


def test_what_is_booked_is_read_from_the_answer() -> None:
    assert read(ANSWER) == CompletionRead("hi", "upstream-2026", ("stop",), Usage(3, 4), characters=2)


def test_every_choice_has_its_finish_reason() -> None:
    choices = [{"message": {}, "finish_reason": "stop"}, {"message": {}, "finish_reason": "length"}, {"message": {}}]
    assert read({"choices": choices}).finish_reasons == ("stop", "length", "unknown")


def test_a_finish_reason_is_cut_to_what_can_be_booked() -> None:
    choices = [{"message": {}, "finish_reason": "x" * 41}]
    assert read({"choices": choices}).finish_reasons == ("x" * 40,)


@pytest.mark.parametrize("usage", [None, [], "x", {}, {"prompt_tokens": "n/a", "completion_tokens": -1}])
def test_usage_that_says_nothing_is_unknown_and_not_zero(usage: object) -> None:
    assert read(ANSWER | {"usage": usage}).usage == Usage(None, None)


@pytest.mark.parametrize(
    ("details", "cached"),
    [
        ({"cached_tokens": 90}, (90, 0)),
        ({"cached_tokens": 60, "cache_write_tokens": 30}, (60, 30)),
        ({"cached_tokens": 90, "cache_write_tokens": 30}, (90, 10)),
        ({"cached_tokens": 101}, (100, 0)),
        ({"cached_tokens": -1, "cache_write_tokens": "three"}, (0, 0)),
        ({}, (0, 0)),
        (None, (0, 0)),
        ("x", (0, 0)),
    ],
)
def test_cached_tokens_are_part_of_the_prompt(details: object, cached: tuple[int, int]) -> None:
    usage = {"prompt_tokens": 100, "completion_tokens": 4, "prompt_tokens_details": details}
    assert read(ANSWER | {"usage": usage}).usage == Usage(100, 4, *cached)


def test_of_a_prompt_of_unknown_length_nothing_is_cached() -> None:
    assert read(ANSWER | {"usage": {"prompt_tokens_details": {"cached_tokens": 9}}}).usage == Usage()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "the body is not JSON"),
        (b"<html><title>Sign in</title></html>", "the body is not JSON: Sign in"),
        (b'data: {"choices": []}', "the body is a stream that ended before the answer was whole"),
        (b"data: {}\n\n" * 10_001, "the body is a stream of too many events, which was not asked for"),
        (b"data: [\n\n", "the body is a stream, and an event of the stream is not JSON"),
        (b"null", "the JSON has no choices"),
        (b"[]", "the JSON has no choices"),
        (b"{}", "the JSON has no choices"),
        (b'{"choices": []}', "the JSON has no choices"),
        (b'{"choices": {"0": 1}}', "the JSON has no choices"),
        (b'{"choices": ["x"]}', "a choice has no message"),
        (b'{"choices": [{"index": 0}]}', "a choice has no message"),
        (b'{"choices": [{"message": {}}, {"message": 5}]}', "a choice has no message"),
    ],
    ids=lambda value: value[:60].decode() if isinstance(value, bytes) else value,
)
def test_a_200_that_is_no_completion_is_told_what_is_missing(answer: bytes, why: str) -> None:
    with pytest.raises(NotACompletionError, match=why):
        OPENAI.completion(answer)


@given(st.binary())
def test_any_other_answer_is_no_completion(answer: bytes) -> None:
    with pytest.raises((NotACompletionError, ErrorInAnswerError)):
        OPENAI.completion(answer)
