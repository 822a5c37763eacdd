"""A stream in the Anthropic wire format, translated to chunks in the OpenAI one.

What is told whole, at the end of its block, has an index in its list, as tool calls have: clients add chunks up by it.
"""

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from shared.wire.chat_by_messages.answer import (
    annotations,
    ending,
    is_the_endpoints,
    is_thought,
    refusal_of,
    string_of,
    thought_of,
)
from shared.wire.chat_by_messages.words import usage_in_all
from shared.wire.reading.completions import Usage, list_or_empty, object_or_empty, text_or_none
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.streams import (
    BrokenStreamError,
    Chunk,
    StreamSoFar,
    chunk_of,
    index_of,
    json_of,
    parsed_event,
    usage_chunk,
)
from shared.wire.reading.told_errors import check_for_error

_Object = dict[str, Any]


class AnthropicStream:
    def __init__(self) -> None:
        self.so_far = StreamSoFar()
        self._usage: _Object = {}
        self._frame: _Object = {}  # what every chunk of this stream has
        self._calls: dict[int, _Call] = {}  # by the index of their block
        self._blocks: dict[int, _Block] = {}  # that are told whole, by their index
        self._told: Counter[str] = Counter()  # members of each list
        self._characters = 0  # of the text

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
            case None:
                check_for_error(body, is_event=True)

    def _start(self, message: _Object) -> _Object:
        self._frame = {
            "id": text_or_none(message.get("id")) or "",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": text_or_none(message.get("model")) or "",
        }
        self._count(message)
        return _delta(role="assistant", content="")

    def _begin_block(self, index: int, block: _Object) -> Iterator[_Object]:
        kind = block.get("type")
        if kind == "tool_use":
            call = self._calls[index] = _Call(len(self._calls), object_or_empty(block.get("input")))
            named = {"name": _text(block, "name"), "arguments": ""}
            yield _delta(tool_calls=[call.part(named, id=_text(block, "id"), type="function")])
            return
        self._blocks[index] = _Block(block, self._characters)
        if kind == "text" and block.get("text"):
            yield self._say(_text(block, "text"))
        elif kind == "thinking" and block.get("thinking"):
            yield _delta(reasoning_content=_text(block, "thinking"))

    def _go_on(self, index: int, delta: _Object) -> Iterator[_Object]:
        block = self._blocks.get(index)
        match delta.get("type"):
            case "text_delta":
                yield self._say(_text(delta, "text"))
            case "thinking_delta":
                thought = _text(delta, "thinking")
                if block is not None:
                    block.add("thinking", thought)
                yield _delta(reasoning_content=thought)
            case "signature_delta" if block is not None:
                block.add("signature", string_of(delta, "signature"))
            case "citations_delta" if block is not None:
                block.citations.append(delta.get("citation"))
            case "input_json_delta" if delta.get("partial_json"):
                yield from self._go_on_with_input(index, block, _text(delta, "partial_json"))

    def _go_on_with_input(self, index: int, block: "_Block | None", partial: str) -> Iterator[_Object]:
        call = self._calls.get(index)
        if call is not None:
            call.in_parts = True
            yield _delta(tool_calls=[call.part({"arguments": partial})])
        elif block is not None:
            block.add("input", partial)
        else:
            raise BrokenStreamError("the stream goes on with a tool call that has not begun")

    def _end_block(self, index: int) -> Iterator[_Object]:
        call = self._calls.get(index)
        if call is not None and not call.in_parts:  # the arguments came whole with its beginning, or it has none
            call.in_parts = True
            yield _delta(tool_calls=[call.part({"arguments": json_of(call.whole_input).decode()})])
        block = self._blocks.pop(index, None)
        if block is None:
            return
        whole = block.whole()
        if is_thought(whole):
            yield _delta(thinking_blocks=self._numbered("thinking_blocks", [thought_of(whole)]))
        elif is_the_endpoints(whole):
            yield _delta(provider_specific_fields={"blocks": self._numbered("blocks", [whole])})
        elif block.citations:
            yield self._cited(block)

    def _cited(self, block: "_Block") -> _Object:
        beside = {"citations": self._numbered("citations", block.citations)}
        cited = self._numbered("annotations", annotations(block.citations, block.begins_at, self._characters))
        return _delta(**({"annotations": cited} if cited else {}), provider_specific_fields=beside)

    def _say(self, text: str) -> _Object:
        self._characters += len(text)
        return _delta(content=text)

    def _numbered(self, name: str, members: list[Any]) -> list[_Object]:
        begin = self._told[name]
        self._told[name] += len(members)
        return [{"index": n, **object_or_empty(member)} for n, member in enumerate(members, begin)]

    def _last_words(self, body: _Object) -> Iterator[_Object]:
        self._count(body)
        told = object_or_empty(body.get("delta"))
        if told.get("stop_reason"):
            refusal = refusal_of(told)
            yield {**_delta(**({} if refusal is None else {"refusal": refusal})), **ending(told)}

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


class _Block:
    """A block that has begun. begins_at: in the text, in characters."""

    def __init__(self, begun: _Object, begins_at: int) -> None:
        self.begins_at = begins_at
        self.citations = list_or_empty(begun.get("citations"))
        self._begun = begun
        self._added: dict[str, list[str]] = {}

    def add(self, name: str, text: str) -> None:
        self._added.setdefault(name, []).append(text)

    def whole(self) -> _Object:
        block = dict(self._begun)
        for name, texts in self._added.items():
            added = "".join(texts)
            block[name] = _input(added) if name == "input" else string_of(block, name) + added
        return block


def _input(written: str) -> Any:
    """Of a tool that the endpoint ran; what is no JSON stays as it is."""
    try:
        return orjson.loads(written)
    except orjson.JSONDecodeError:
        return written


def _delta(**fields: Any) -> _Object:
    return {"delta": fields}


def _text(holder: _Object, name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise BrokenStreamError(f"an event of the stream has no {name}")
    return value
