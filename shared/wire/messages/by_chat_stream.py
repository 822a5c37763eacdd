"""A stream in OpenAI's chat form, translated to the events of a message in Anthropic's.

Blocks of a message never interleave, and what a chat streams may: a block that begins while another is not whole waits,
with what comes of it, until that one is.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any, Literal

import orjson

from shared.wire.messages.answer import call_id, calls_of, frame, thought_and_text
from shared.wire.messages.words import SIGNATURE, ending, message_usage
from shared.wire.plain.chat_stream import ChatEvents
from shared.wire.reading.completions import MAX_CHOICES, object_or_empty
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.streams import BrokenStreamError, Chunk, StreamSoFar, choices_of, chunk_of, index_of
from shared.wire.reading.values import arguments_text

_Object = dict[str, Any]

_MOST_WAITING = 4 * 1024**2  # characters of blocks behind the one that is told
_LOOKS = 20  # how often it is looked whether the arguments of a call are whole while others wait


class MessagesByChatStream:
    def __init__(self) -> None:
        self.so_far = StreamSoFar()
        self._read = ChatEvents(self.so_far)
        self._begun = False
        self._blocks = _Blocks()
        self._last: _Object = {}  # the choice, as it ended
        self._refuses = False

    def chunks(self, event: ServerEvent) -> Iterator[Chunk]:
        read = self._read.chunk(event)
        if read is None:
            return
        body, _ = read
        self.so_far.heard(body)
        for choice in choices_of(body):
            if index_of(choice) == 0:
                yield from self._events(body, choice)

    def end(self) -> Iterator[Chunk]:
        """The message's last words, in which its usage is: that comes after all else."""
        yield from self._blocks.told(to_the_end=True)
        ended = ending(self._last, calls=self._blocks.has_calls, refuses=self._refuses)
        usage = message_usage(self.so_far.usage)
        yield chunk_of({"type": "message_delta", "delta": ended, "usage": usage}, ends=True)
        yield chunk_of({"type": "message_stop"}, ends=True)

    def _events(self, body: _Object, choice: _Object) -> Iterator[Chunk]:
        if not self._begun:
            self._begun = True
            begun = frame(body) | {"usage": message_usage(self.so_far.usage)}
            yield chunk_of({"type": "message_start", "message": begun})
        said = object_or_empty(choice.get("delta"))
        self._refuses = self._refuses or bool(said.get("refusal"))
        thought, text = thought_and_text(said)
        if thought:
            self._blocks.say("thinking", thought)
        if text:
            self._blocks.say("text", text)
        for n, call in enumerate(calls_of(said)):
            self._blocks.call(index_of(call) if "index" in call else n, call)
        if choice.get("finish_reason"):
            self._last = choice
        yield from self._blocks.told(to_the_end=bool(choice.get("finish_reason")))


class _Block:
    """waiting: what of it is not told yet."""

    def __init__(self, kind: Literal["text", "thinking", "tool_use"], call_id: str = "", name: str = "") -> None:
        self.kind = kind
        self.call_id = call_id
        self.name = name
        self.waiting: list[str] = []
        self.is_open = False
        self.is_over = False
        self._arguments: list[str] = []
        self._looks = _LOOKS

    def add(self, piece: str) -> None:
        self.waiting.append(piece)
        if self.kind == "tool_use":
            self._arguments.append(piece)

    def is_whole(self) -> bool:
        """Whether another one may follow it. Of a call, its arguments say so, as long as they are looked at."""
        if self.kind != "tool_use":
            return True
        if not self._looks or not self._arguments or not self._arguments[-1].rstrip().endswith("}"):
            return False
        self._looks -= 1
        try:
            orjson.loads("".join(self._arguments))
        except orjson.JSONDecodeError:
            return False
        return True

    def start(self) -> _Object:
        match self.kind:
            case "text":
                return {"type": "text", "text": ""}
            case "thinking":
                return {"type": "thinking", "thinking": "", "signature": ""}
            case "tool_use":
                return {"type": "tool_use", "id": self.call_id or call_id(), "name": self.name, "input": {}}

    def delta(self, piece: str) -> _Object:
        match self.kind:
            case "text":
                return {"type": "text_delta", "text": piece}
            case "thinking":
                return {"type": "thinking_delta", "thinking": piece}
            case "tool_use":
                return {"type": "input_json_delta", "partial_json": piece}


class _Blocks:
    """Of one message, in their order. The first that is not over is told while it comes."""

    def __init__(self) -> None:
        self._coming: deque[_Block] = deque()
        self._calls: dict[int, _Block] = {}  # by the index that the endpoint gave them; the newest
        self._index = 0  # of the first that is coming
        self._waiting = 0
        self._begun = 0

    @property
    def has_calls(self) -> bool:
        return bool(self._calls)

    def say(self, kind: Literal["text", "thinking"], piece: str) -> None:
        last = self._coming[-1] if self._coming else None
        if last is None or last.kind != kind:
            last = self._begin(_Block(kind))
        self._add(last, piece)

    def call(self, index: int, call: _Object) -> None:
        """A further call may come under the index of another one, when it says an id of its own."""
        function = object_or_empty(call.get("function"))
        given_id, name = _string(call, "id"), _string(function, "name")
        block = self._calls.get(index)
        if block is None or (given_id and name and block.call_id and given_id != block.call_id):
            block = self._calls[index] = self._begin(_Block("tool_use", given_id, name))
        block.name, block.call_id = block.name or name, block.call_id or given_id
        if piece := arguments_text(function.get("arguments")):
            if block.is_over and piece.strip():
                raise BrokenStreamError("the stream goes on with a tool call that was whole")
            if not block.is_over:
                self._add(block, piece)

    def told(self, *, to_the_end: bool) -> Iterator[Chunk]:
        """What may be told by now. to_the_end: nothing more of these blocks comes."""
        while self._coming:
            block = self._coming[0]
            if block.kind == "tool_use" and not block.name:
                if to_the_end:
                    raise BrokenStreamError("a tool call of the stream has no name")
                return
            yield from self._told_of(block)
            if not to_the_end and (len(self._coming) == 1 or not block.is_whole()):
                return
            yield from self._over(block)

    def _told_of(self, block: _Block) -> Iterator[Chunk]:
        if not block.is_open:
            block.is_open = True
            begun = {"type": "content_block_start", "index": self._index, "content_block": block.start()}
            yield chunk_of(begun, holds_content=block.kind == "tool_use")
        if block.waiting:
            piece = block.waiting[0] if len(block.waiting) == 1 else "".join(block.waiting)
            block.waiting.clear()
            self._waiting -= len(piece)
            yield self._delta(block.delta(piece))

    def _over(self, block: _Block) -> Iterator[Chunk]:
        if block.kind == "thinking":
            yield self._delta({"type": "signature_delta", "signature": SIGNATURE})
        yield chunk_of({"type": "content_block_stop", "index": self._index})
        block.is_over = True
        self._coming.popleft()
        self._index += 1

    def _delta(self, delta: _Object) -> Chunk:
        return chunk_of({"type": "content_block_delta", "index": self._index, "delta": delta}, holds_content=True)

    def _begin(self, block: _Block) -> _Block:
        self._begun += 1
        if self._begun > MAX_CHOICES:
            raise BrokenStreamError(f"it has more than {MAX_CHOICES} blocks of content")
        self._coming.append(block)
        return block

    def _add(self, block: _Block, piece: str) -> None:
        block.add(piece)
        self._waiting += len(piece)
        if self._waiting > _MOST_WAITING:
            raise BrokenStreamError(
                f"more than {_MOST_WAITING} characters of it wait for a tool call that does not end"
            )


def _string(holder: _Object, name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
