"""A stream in the Anthropic wire format, translated to chunks in the OpenAI one."""

import time
from collections.abc import Iterator
from typing import Any

import orjson

from shared.wire.anthropic_words import finish_reason, usage_in_all
from shared.wire.completions import Usage, object_or_empty, text_or_none
from shared.wire.server_events import ServerEvent
from shared.wire.streams import BrokenStreamError, Chunk, StreamSoFar, chunk_of, index_of, parsed_event, usage_chunk

_Object = dict[str, Any]


class AnthropicStream:
    def __init__(self) -> None:
        self.so_far = StreamSoFar()
        self._usage: _Object = {}
        self._frame: _Object = {}  # what every chunk of this stream has
        self._calls: dict[int, _Call] = {}  # by the index of their block

    def chunks(self, event: ServerEvent) -> Iterator[Chunk]:
        body = parsed_event(event)
        for choice in self._choices(body):
            chunk = {**self._frame, "choices": [{"index": 0, "finish_reason": None, **choice}]}
            holds_content, ends = self.so_far.heard(chunk)
            yield chunk_of(chunk, holds_content=holds_content, ends=ends)

    def end(self) -> Iterator[Chunk]:
        if self.so_far.usage != Usage():
            yield usage_chunk(self._frame, self.so_far.usage)

    def _choices(self, body: _Object) -> Iterator[_Object]:
        """What the event says, as the choice of a chunk; of most events one, of `ping` and unknown ones none."""
        match body.get("type"):
            case "message_start":
                yield self._start(object_or_empty(body.get("message")))
            case "content_block_start":
                yield from self._begin_block(index_of(body), object_or_empty(body.get("content_block")))
            case "content_block_delta":
                yield from self._go_on(index_of(body), object_or_empty(body.get("delta")))
            case "content_block_stop":
                yield from self._end_block(index_of(body))
            case "message_delta":
                yield from self._last_words(body)
            case "message_stop":
                self.so_far.ended = True

    def _start(self, message: _Object) -> _Object:
        self._frame = {
            "id": text_or_none(message.get("id")) or "",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": text_or_none(message.get("model")),
        }
        self._count(message)
        return _delta(role="assistant", content="")

    def _begin_block(self, index: int, block: _Object) -> Iterator[_Object]:
        match block.get("type"):
            case "text" if block.get("text"):
                yield _delta(content=_text(block, "text"))
            case "thinking" if block.get("thinking"):
                yield _delta(reasoning_content=_text(block, "thinking"))
            case "tool_use":
                call = self._calls[index] = _Call(len(self._calls), object_or_empty(block.get("input")))
                named = {"name": _text(block, "name"), "arguments": ""}
                yield _delta(tool_calls=[call.part(named, id=_text(block, "id"), type="function")])

    def _go_on(self, index: int, delta: _Object) -> Iterator[_Object]:
        match delta.get("type"):
            case "text_delta":
                yield _delta(content=_text(delta, "text"))
            case "thinking_delta":
                yield _delta(reasoning_content=_text(delta, "thinking"))
            case "input_json_delta" if delta.get("partial_json"):
                call = self._calls.get(index)
                if call is None:
                    raise BrokenStreamError("the stream goes on with a tool call that has not begun")
                call.in_parts = True
                yield _delta(tool_calls=[call.part({"arguments": _text(delta, "partial_json")})])

    def _end_block(self, index: int) -> Iterator[_Object]:
        """The arguments of a call that came whole with its beginning, or that has none."""
        call = self._calls.get(index)
        if call is not None and not call.in_parts:
            call.in_parts = True
            yield _delta(tool_calls=[call.part({"arguments": orjson.dumps(call.whole_input).decode()})])

    def _last_words(self, body: _Object) -> Iterator[_Object]:
        self._count(body)
        reason = object_or_empty(body.get("delta")).get("stop_reason")
        if reason:
            yield {**_delta(), "finish_reason": finish_reason(reason)}

    def _count(self, told: _Object) -> None:
        """Later counts are of the whole stream and replace earlier ones; what a later one leaves out stays."""
        self._usage |= {name: n for name, n in object_or_empty(told.get("usage")).items() if n is not None}
        self.so_far.usage = usage_in_all(self._usage)


class _Call:
    """A tool call whose block has begun."""

    def __init__(self, place: int, whole_input: _Object) -> None:
        self._place = place
        self.whole_input = whole_input
        self.in_parts = False  # its arguments have been passed on

    def part(self, function: _Object, **more: str) -> _Object:
        return {"index": self._place, **more, "function": function}


def _delta(**fields: Any) -> _Object:
    return {"delta": fields}


def _text(holder: _Object, name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise BrokenStreamError(f"an event of the stream has no {name}")
    return value
