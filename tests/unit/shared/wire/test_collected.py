"""What the chunks of a stream add up to, and a whole completion as chunks: neither way anything is lost."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.wire.reading.collected import Collected, chunks_of

_Object = dict[str, Any]


def collected(*chunks: _Object) -> Any:
    whole = Collected()
    for chunk in chunks:
        whole.add(chunk)
    return orjson.loads(whole.completion())


def message(*deltas: _Object) -> Any:
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return collected(*chunks)["choices"][0]["message"]


def calls(*parts: _Object) -> list[tuple[Any, str, str]]:
    made = message(*({"tool_calls": [part]} for part in parts))["tool_calls"]
    return [(call.get("id"), call["function"]["name"], call["function"]["arguments"]) for call in made]


def test_a_stream_adds_up_to_the_completion() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 4}
    assert collected(
        {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": "ha"}, "finish_reason": None}]},
        {"id": "c", "model": "m", "choices": [
            {"index": 1, "delta": {"content": "x"}, "logprobs": {"content": [{"token": "x"}]}, "finish_reason": "stop"},
            {"index": 0, "delta": {"content": "ha"}, "finish_reason": "stop"}]},
        {"id": "c", "model": "m", "choices": [], "usage": usage},
    ) == {
        "id": "c", "object": "chat.completion", "model": "m", "usage": usage,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "haha"}, "logprobs": None,
             "finish_reason": "stop"},
            {"index": 1, "message": {"role": "assistant", "content": "x"}, "logprobs": {"content": [{"token": "x"}]},
             "finish_reason": "stop"},
        ],
    }  # fmt: skip


def test_what_vendors_add_is_kept() -> None:
    whole = collected(
        {"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]},
        {"id": "c", "model": "m", "citations": ["a"], "x_groq": {"id": "r"}, "choices": [
            {"index": 0, "delta": {"content": "x"}, "content_filter_results": {"hate": {"filtered": False}}}]},
        {"id": "c", "citations": ["a", "b"], "x_groq": {"usage": {"prompt_tokens": 1}}, "choices": [
            {"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "STOP"}]},
    )  # fmt: skip
    assert (whole["id"], whole["model"], whole["citations"]) == ("c", "m", ["a", "b"])
    assert whole["prompt_filter_results"] == [{"prompt_index": 0}]
    assert whole["x_groq"] == {"id": "r", "usage": {"prompt_tokens": 1}}
    choice = whole["choices"][0]
    assert (choice["native_finish_reason"], choice["content_filter_results"]) == ("STOP", {"hate": {"filtered": False}})


@pytest.mark.parametrize(
    ("deltas", "whole"),
    [
        ([{"reasoning_content": "h"}, {"reasoning_content": "m"}, {"content": "a"}],
         {"content": "a", "reasoning_content": "hm"}),
        ([{"reasoning_details": [{"index": 0, "type": "reasoning.text", "format": "f", "text": "h"}]},
          {"reasoning_details": [{"index": 0, "type": "reasoning.text", "format": "f", "text": "m",
                                  "signature": "s"}]}],
         {"content": None, "reasoning_details": [
             {"index": 0, "type": "reasoning.text", "format": "f", "text": "hm", "signature": "s"}]}),
        ([{"thinking_blocks": [{"type": "thinking", "thinking": "h"}]},
          {"thinking_blocks": [{"type": "thinking", "thinking": "m", "signature": "s"}]}],
         {"content": None, "thinking_blocks": [
             {"type": "thinking", "thinking": "h"}, {"type": "thinking", "thinking": "m", "signature": "s"}]}),
        ([{"content": [{"type": "thinking", "thinking": "hm"}]}, {"content": "a"}, {"content": "b"}],
         {"content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "ab"}]}),
        ([{"content": "a"}, {"content": [{"type": "image_url"}]}],
         {"content": [{"type": "text", "text": "a"}, {"type": "image_url"}]}),
        ([{"audio": {"id": "a", "data": "AA", "transcript": "said "}},
          {"audio": {"data": "BB", "transcript": "aloud"}}],
         {"content": None, "audio": {"id": "a", "data": "AABB", "transcript": "said aloud"}}),
        ([{"annotations": [{"type": "url_citation"}]}, {"annotations": [{"type": "file"}]}],
         {"content": None, "annotations": [{"type": "url_citation"}, {"type": "file"}]}),
        ([{"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"name": "f", "arguments": "}"}}],
         {"content": None, "function_call": {"name": "f", "arguments": "{}"}}),
        ([{"refusal": "I "}, {"refusal": "won't"}], {"content": None, "refusal": "I won't"}),
        ([{"mood": "good"}, {"mood": "good"}, {"luck": 1}], {"content": None, "mood": "good", "luck": 1}),
    ],
    ids=["thoughts", "reasoning_details", "thinking_blocks", "parts, then a text", "a text, then parts", "audio",
         "annotations", "function_call", "refusal", "unknown members"],
)  # fmt: skip
def test_deltas_of_every_kind_are_put_together(deltas: list[_Object], whole: _Object) -> None:
    assert message(*deltas) == {"role": "assistant", **whole}


@pytest.mark.parametrize(
    ("parts", "made"),
    [
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": ""}},
          {"index": 0, "function": {"arguments": '{"x":'}}, {"index": 0, "function": {"arguments": "1}"}},
          {"index": 1, "id": "b", "function": {"name": "g", "arguments": "{}"}}],
         [("a", "f", '{"x":1}'), ("b", "g", "{}")]),
        ([{"id": "a", "function": {"name": "f", "arguments": "{"}}, {"function": {"arguments": "}"}},
          {"id": "b", "function": {"name": "g", "arguments": "{}"}}],
         [("a", "f", "{}"), ("b", "g", "{}")]),
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
          {"index": 0, "id": "b", "function": {"name": "g", "arguments": "{}"}}],
         [("a", "f", "{}"), ("b", "g", "{}")]),
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}},
          {"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}}],
         [("a", "f", "{}")]),
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{}"}},
          {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"x":1}'}}],
         [("a", "f", "{}"), ("a", "f", '{"x":1}')]),
        ([{"index": 0, "id": "a", "function": {"name": "get_"}}, {"index": 0, "function": {"name": "weather"}}],
         [("a", "get_weather", "")]),
        ([{"index": 0, "id": "a", "function": {"name": "get_"}}, {"index": 0, "function": {"name": "get_weather"}}],
         [("a", "get_weather", "")]),
        ([{"index": 0, "id": "a", "function": {"name": "f", "arguments": {"x": 1}}}], [("a", "f", '{"x":1}')]),
    ],
    ids=["as OpenAI", "without numbers", "all of one number", "an id said again", "an id for two calls",
         "a name in pieces", "a name that grows", "arguments that are an object"],
)  # fmt: skip
def test_tool_calls_are_told_apart_however_they_are_numbered(
    parts: list[_Object], made: list[tuple[Any, str, str]]
) -> None:
    assert calls(*parts) == made


def test_a_stream_of_messages_or_texts_adds_up_too() -> None:
    assert collected({"choices": [{"message": {"content": "a"}}]})["choices"][0]["message"]["content"] == "a"
    assert (
        collected({"choices": [{"text": "a"}]}, {"choices": [{"text": "b"}]})["choices"][0]["message"]["content"]
        == "ab"
    )


def test_a_whole_answer_becomes_chunks_that_add_up_to_it() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    completion = {
        "id": "c", "object": "chat.completion", "model": "m", "citations": ["a"], "usage": {"prompt_tokens": 1},
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "x", "annotations": [{"type": "file"}],
                                     "reasoning_details": [{"type": "reasoning.text", "text": "hm"}],
                                     "tool_calls": [call, {**call, "id": "b"}]},
             "logprobs": {"content": [{"token": "x"}]}, "finish_reason": "tool_calls", "native_finish_reason": "TOOL"},
        ],
    }  # fmt: skip
    chunks = [orjson.loads(chunk.data) for chunk in chunks_of(orjson.dumps(completion))]
    assert collected(*chunks) == completion


def test_arguments_that_are_an_object_are_streamed_as_a_text() -> None:
    call = {"id": "a", "function": {"name": "f", "arguments": {"x": 1}}}
    [chunk] = chunks_of(orjson.dumps({"choices": [{"message": {"tool_calls": [call]}}]}))
    told = orjson.loads(chunk.data)["choices"][0]["delta"]["tool_calls"]
    assert told == [{"id": "a", "function": {"name": "f", "arguments": '{"x":1}'}, "index": 0}]


NAMES = ["content", "tool_calls", "function", "name", "arguments", "index", "id", "delta", "message", "text",
         "logprobs", "choices", "usage", "role"]  # fmt: skip
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "{", "}", "{}", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=4), max_size=4), st.lists(JSON, max_size=3))
def test_whatever_chunks_hold_they_add_up_to_something(chunks: list[_Object], choices: list[Any]) -> None:
    whole = collected(*chunks, {"choices": choices})
    assert isinstance(whole["choices"], list)
