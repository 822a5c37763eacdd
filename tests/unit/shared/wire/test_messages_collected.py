"""What the events of a stream in Anthropic's form add up to."""

from typing import Any

import orjson
import pytest

from shared.wire.messages.answer import events_of
from shared.wire.messages.collected import collected_message

_MESSAGE: dict[str, Any] = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
    "content": [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "text", "text": "hi", "citations": [{"cited_text": "x"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": [1]}},
        {"type": "web_search_tool_result", "tool_use_id": "t", "content": []},
    ],
    "stop_reason": "tool_use", "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 2},
}  # fmt: skip


def collected(*events: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = orjson.loads(collected_message(events))
    return message


def test_a_message_told_as_events_is_that_message() -> None:
    events = [orjson.loads(chunk.data) for chunk in events_of(orjson.dumps(_MESSAGE))]
    assert collected(*events) == _MESSAGE


def test_texts_and_inputs_grow_delta_by_delta() -> None:
    deltas = [{"type": "text_delta", "text": "a"}, {"type": "text_delta", "text": "b"}]
    parts = [{"type": "input_json_delta", "partial_json": '{"a"'}, {"type": "input_json_delta", "partial_json": ":1}"}]
    message = collected(
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "tool_use", "input": {}}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        *({"type": "content_block_delta", "index": 1, "delta": part} for part in parts),
    )
    assert message["content"] == [{"type": "text", "text": "ab"}, {"type": "tool_use", "input": {"a": 1}}]


@pytest.mark.parametrize(
    "event",
    [
        {"type": "ping"},
        {},
        {"type": "content_block_delta", "index": 7, "delta": 1},
        {"type": "message_start", "message": 1},
        {"type": "content_block_start", "index": [1], "content_block": None},
    ],
    ids=str,
)
def test_whatever_an_event_holds_nothing_is_raised(event: dict[str, Any]) -> None:
    assert collected(event)["role"] == "assistant"
