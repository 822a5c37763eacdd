"""A response told event by event is the response that is told whole."""

from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.bodies import validated
from services.gateway.responses.response import Telling, inference_id_in, response_id
from services.gateway.responses.schemas import ResponseBody
from shared.errors import failure
from shared.wire.reading.collected import Collected

_ID = UUID("019a0000-0000-7000-8000-000000000001")
_USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 2},
          "completion_tokens_details": {"reasoning_tokens": 3}}  # fmt: skip


def _telling(**asked: Any) -> Telling:
    return Telling(validated(ResponseBody, {"input": "hi", **asked}), _ID, 1, lambda blocks: f"sealed {len(blocks)}")


def _chunk(finish_reason: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}


def _call(index: int, arguments: str, **named: Any) -> dict[str, Any]:
    function = {"arguments": arguments} | ({"name": named["name"]} if named else {})
    return {"index": index, "function": function} | ({"id": named["id"]} if named else {})


_TURN = [
    _chunk(role="assistant", content=""),
    _chunk(reasoning_content="let me "),
    _chunk(reasoning_content="think", thinking_blocks=[{"type": "thinking", "thinking": "let me think",
                                                        "signature": "s"}]),
    _chunk(content="I ask "),
    _chunk(content="two."),
    _chunk(tool_calls=[_call(0, '{"a"', id="c1", name="f"), _call(1, "{", id="c2", name="g")]),
    _chunk(tool_calls=[_call(0, ":1}"), _call(1, "}")]),
    _chunk("tool_calls"),
    {"choices": [], "usage": _USAGE},
]  # fmt: skip


def _streamed(telling: Telling, chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    events = [*telling.begin(), *(event for chunk in chunks for event in telling.add(chunk)), *telling.last_items()]
    return [*events, telling.end()]


def _whole(chunks: list[dict[str, Any]], **asked: Any) -> dict[str, Any]:
    collected, telling = Collected(), _telling(**asked)
    for chunk in chunks:
        collected.add(chunk)
    telling.add_whole(collected.completion())
    return telling.whole


def test_a_turn_as_events_and_whole() -> None:
    events = _streamed(_telling(), _TURN)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    last = events[-1]
    assert last["type"] == "response.completed"
    assert [item["type"] for item in last["response"]["output"]] == [
        "reasoning", "message", "function_call", "function_call",
    ]  # fmt: skip
    reasoning, message, first, second = last["response"]["output"]
    assert reasoning["content"] == [{"type": "reasoning_text", "text": "let me think"}]
    assert reasoning["encrypted_content"] == "sealed 1"
    assert message["content"][0]["text"] == "I ask two."
    assert (first["call_id"], first["name"], first["arguments"]) == ("c1", "f", '{"a":1}')
    assert (second["call_id"], second["name"], second["arguments"]) == ("c2", "g", "{}")
    assert last["response"]["usage"] == {
        "input_tokens": 5, "output_tokens": 7, "total_tokens": 12,
        "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 3},
    }  # fmt: skip
    assert _whole(_TURN)["output"] == last["response"]["output"]


def test_each_item_begins_and_ends_once_and_deltas_add_up_to_what_is_done() -> None:
    events = _streamed(_telling(), _TURN)
    kinds = [event["type"] for event in events]
    assert kinds.count("response.output_item.added") == kinds.count("response.output_item.done") == 4
    for kind, whole in (("output_text", "text"), ("reasoning_text", "text"), ("function_call_arguments", "arguments")):
        grown: dict[str, str] = {}
        for event in events:
            if event["type"] == f"response.{kind}.delta":
                grown[event["item_id"]] = grown.get(event["item_id"], "") + event["delta"]
        done = {event["item_id"]: event[whole] for event in events if event["type"] == f"response.{kind}.done"}
        assert grown == done


def test_thoughts_are_a_summary_when_one_is_asked_for() -> None:
    (reasoning, *_) = _whole(_TURN, reasoning={"summary": "auto"})["output"]
    assert reasoning["summary"] == [{"type": "summary_text", "text": "let me think"}]
    assert "content" not in reasoning


def test_thoughts_that_are_kept_are_those_that_an_endpoint_takes_back() -> None:
    telling = _telling()
    _streamed(telling, _TURN)
    reasoning = telling.to_keep["output"][0]
    assert reasoning["thinking_blocks"] == [{"type": "thinking", "thinking": "let me think", "signature": "s"}]
    assert "encrypted_content" not in reasoning
    told = telling.whole["output"][0]
    assert (told["encrypted_content"], "thinking_blocks" in told) == ("sealed 1", False)


def test_a_response_says_that_it_is_kept_once_it_is() -> None:
    telling = _telling()
    _streamed(telling, [_chunk("stop", content="hi")])
    assert (telling.whole["store"], telling.to_keep["store"]) == (False, True)
    telling.mark_kept()
    assert telling.end()["response"]["store"] is True


def test_thoughts_in_pieces_are_one_block() -> None:
    telling = _telling()
    pieces = [{"type": "thinking", "thinking": "a"}, {"type": "thinking", "thinking": "b"},
              {"type": "thinking", "thinking": "", "signature": "s"},
              {"type": "redacted_thinking", "data": "x"}]  # fmt: skip
    _streamed(telling, [_chunk(thinking_blocks=[piece]) for piece in pieces])
    assert telling.to_keep["output"][0]["thinking_blocks"] == [
        {"type": "thinking", "thinking": "ab", "signature": "s"}, {"type": "redacted_thinking", "data": "x"},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("finish_reason", "status", "why"),
    [("stop", "completed", None), ("tool_calls", "completed", None), ("length", "incomplete", "max_output_tokens"),
     ("content_filter", "incomplete", "content_filter")],
)  # fmt: skip
def test_an_answer_that_was_cut_says_so(finish_reason: str, status: str, why: str | None) -> None:
    whole = _whole([_chunk(content="a"), _chunk(finish_reason)])
    assert whole["status"] == status
    assert whole["incomplete_details"] == (None if why is None else {"reason": why})


def test_a_refusal_is_a_part_of_its_own() -> None:
    (message,) = _whole([_chunk(content="well, "), _chunk(refusal="no"), _chunk("stop")])["output"]
    assert [part["type"] for part in message["content"]] == ["output_text", "refusal"]


def test_what_broke_off_is_failed_and_never_looks_complete() -> None:
    telling = _telling()
    list(telling.begin())
    list(telling.add(_chunk(content="half")))
    last = telling.failed(failure("stream_broken", "it was cut"))
    assert (last["type"], last["response"]["status"]) == ("response.failed", "failed")
    assert last["response"]["error"]["error_type"] == "stream_broken"
    assert last["response"]["output"][0]["content"][0]["text"] == "half"


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["index", "delta", "content", "tool_calls", "function", "name", "arguments", "id",
                         "thinking_blocks", "type", "refusal", "annotations", "reasoning_content", "usage"]), inner),
    max_leaves=12,
)  # fmt: skip


@given(
    st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "model"]), st.lists(_VALUES, max_size=3) | _VALUES))
)
def test_nothing_in_a_chunk_is_taken_for_well_formed(chunks: list[dict[str, Any]]) -> None:
    for event in _streamed(_telling(), chunks):
        orjson.dumps(event)


def test_an_id_leads_back_to_its_inference() -> None:
    assert inference_id_in(response_id(_ID)) == _ID
    for other in ("", "resp_", "resp_x", _ID.hex, "chatcmpl-1", "resp_" + "g" * 32):
        assert inference_id_in(other) is None
