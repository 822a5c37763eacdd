"""A stream in the OpenAI wire format: chunks pass through as they are."""

from collections.abc import Iterable, Iterator
from typing import Any

from shared.wire.reading.completions import said_in, usage_in
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.streams import Chunk, StreamSoFar, choices_of, chunk_of, read_event, usage_chunk
from shared.wire.reading.told_errors import check_for_error
from shared.wire.reading.usage import NO_USAGE, says_usage

_DONE = b"[DONE]"

_Object = dict[str, Any]


class ChatEvents:
    """The events of one stream in the OpenAI wire format, read. so_far: is told what they say of the end and the usage.

    usage: in the endpoint's own words, when these are OpenAI's.
    """

    def __init__(self, so_far: StreamSoFar) -> None:
        self._so_far = so_far
        self._has_deltas = False
        self.usage: _Object = {}

    def chunk(self, event: ServerEvent) -> tuple[_Object, bool] | None:
        """The chunk that an event brings, if it brings one, and whether the event's data are it already. Raises
        BrokenStreamError and ErrorInStreamError."""
        if not event.data.startswith(b"{"):
            said = event.data.strip()
            if not said:  # it keeps the connection open
                return None
            if said.startswith(_DONE):
                self._so_far.ended = True
                return None
        body, as_it_is = read_event(event)
        choices = choices_of(body)
        if says_usage(body, choices):
            self._hear_usage(body)
        if not choices:
            check_for_error(body, is_event=True)
        if self._so_far.ended:  # some say the usage after the end, which is for the books and no chunk any more
            return None
        formed = self._formed(body, choices)
        return formed, as_it_is and formed is body

    def _hear_usage(self, body: _Object) -> None:
        usage = usage_in(body)
        if usage != NO_USAGE:
            self._so_far.usage = usage
            said = body.get("usage")
            if isinstance(said, dict) and {"prompt_tokens", "completion_tokens"} <= said.keys():
                self.usage = said

    def _formed(self, body: _Object, choices: list[_Object]) -> _Object:
        """With deltas in place of messages, which some endpoints send: clients look nowhere else. What a message says
        again after deltas is left alone."""
        missing = [choice for choice in choices if "delta" not in choice]
        if not missing:
            self._has_deltas = self._has_deltas or bool(choices)
            return body
        if self._has_deltas or not any(map(said_in, choices)):
            return body
        return {**body, "choices": [{**choice, "delta": said_in(choice)} for choice in choices]}


class OpenAIStream:
    def __init__(self) -> None:
        self.so_far = StreamSoFar()
        self._read = ChatEvents(self.so_far)
        self._first: _Object = {}
        self._has_told_usage = False

    def chunks(self, event: ServerEvent) -> Iterable[Chunk]:
        read = self._read.chunk(event)
        if read is None:
            return ()
        body, as_it_is = read
        self._first = self._first or body
        # Chunks travel as lines.
        return (self._passed_on(body, event.data if as_it_is and b"\n" not in event.data else None),)

    def end(self) -> Iterator[Chunk]:
        if self._has_told_usage or self.so_far.usage == NO_USAGE:
            return
        yield usage_chunk(self._first, self._read.usage or self.so_far.usage)

    def _passed_on(self, body: _Object, data: bytes | None) -> Chunk:
        """data: None when the chunk is to be written anew."""
        holds_content, ends = self.so_far.heard(body)
        if body.get("usage"):
            if body.get("choices"):
                # Of the whole answer so far. Clients add up what chunks say: it is told by one of its own, at the end.
                return chunk_of({**body, "usage": None}, holds_content=holds_content, ends=ends)
            self._has_told_usage = True
        if data is None:
            return chunk_of(body, holds_content=holds_content, ends=ends)
        return Chunk(data, holds_content, ends)
