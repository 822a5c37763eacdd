"""What an endpoint of OpenAI's chat form answers, as one of Anthropic's messages."""

from typing import Any

import pytest

from shared.wire import NotACompletionError
from shared.wire.messages.words import SIGNATURE
from tests.unit.shared.wire.messages_by_chat import EXCHANGE, answered, called, text

_Object = dict[str, Any]


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
