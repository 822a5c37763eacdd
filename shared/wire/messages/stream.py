"""A stream of Anthropic's messages, for a caller who speaks them too: events pass through as they are."""

from collections.abc import Iterator
from typing import Any

from shared.wire.chat_by_messages.words import finish_reason, usage_in_all
from shared.wire.reading.completions import object_or_empty, text_or_none
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.streams import Chunk, StreamSoFar, chunk_of, read_event

_Object = dict[str, Any]

_BEGUN_EMPTY = ("text", "thinking")  # blocks that hold nothing before their first delta
_SIZED = ("text", "thinking", "partial_json")


class MessagesStream:
    """`ping` is not passed on: the gateway says its own while nothing comes."""

    def __init__(self) -> None:
        self.so_far = StreamSoFar()
        self._usage: _Object = {}

    def chunks(self, event: ServerEvent) -> Iterator[Chunk]:
        body, as_it_is = read_event(event)
        kind = body.get("type")
        if kind == "ping":
            return
        holds_content = ends = False
        match kind:
            case "message_start":
                self._start(object_or_empty(body.get("message")))
            case "content_block_start":
                holds_content = self._begins_with_content(object_or_empty(body.get("content_block")))
            case "content_block_delta":
                holds_content = self._grows(object_or_empty(body.get("delta")))
            case "message_delta":
                ends = self._ends(body)
            case "message_stop":
                self.so_far.ended = ends = True
        if kind is None or not as_it_is or b"\n" in event.data:
            # Written anew: chunks travel as lines, and each says what it is.
            named = {"type": event.name.decode("utf-8", "replace"), **body} if kind is None else body
            yield chunk_of(named, holds_content=holds_content, ends=ends)
        else:
            yield Chunk(event.data, holds_content, ends)

    def end(self) -> Iterator[Chunk]:
        if not self.so_far.ended:
            yield chunk_of({"type": "message_stop"}, ends=True)

    def _start(self, message: _Object) -> None:
        self.so_far.choices = {0}
        self.so_far.response_model = text_or_none(message.get("model"))
        self._count(message)

    def _begins_with_content(self, block: _Object) -> bool:
        kind = block.get("type")
        if isinstance(kind, str) and kind in _BEGUN_EMPTY:
            return self._grows({kind: block.get(kind)})
        return True

    def _grows(self, delta: _Object) -> bool:
        """Whether it holds anything."""
        self.so_far.characters += sum(len(text) for name in _SIZED if isinstance(text := delta.get(name), str))
        return any(value for name, value in delta.items() if name != "type")

    def _ends(self, body: _Object) -> bool:
        self._count(body)
        reason = object_or_empty(body.get("delta")).get("stop_reason")
        if reason:
            self.so_far.finish_reasons[0] = finish_reason(reason)
        return bool(reason)

    def _count(self, told: _Object) -> None:
        """Later counts are of the whole stream and replace earlier ones; what a later one leaves out stays."""
        self._usage |= {name: n for name, n in object_or_empty(told.get("usage")).items() if n is not None}
        self.so_far.usage = usage_in_all(self._usage)
