"""A stream in the OpenAI wire format: chunks pass through as they are."""

from collections.abc import Iterable, Iterator
from typing import Any

from shared.wire.completions import Usage, usage_read
from shared.wire.server_events import ServerEvent
from shared.wire.streams import Chunk, StreamSoFar, chunk_of, parsed_event, usage_chunk

_DONE = b"[DONE]"


class OpenAIStream:
    def __init__(self) -> None:
        self.so_far = StreamSoFar()
        self._first: dict[str, Any] = {}
        self._has_told_usage = False

    def chunks(self, event: ServerEvent) -> Iterable[Chunk]:
        body = chunk_in(event, self.so_far)
        if body is None:
            return ()
        self._first = self._first or body
        return (self._passed_on(event.data, body),)

    def end(self) -> Iterator[Chunk]:
        if not self._has_told_usage and self.so_far.usage != Usage():
            yield usage_chunk(self._first, self.so_far.usage)

    def _passed_on(self, data: bytes, body: dict[str, Any]) -> Chunk:
        holds_content, ends = self.so_far.heard(body)
        if body.get("usage"):
            if body.get("choices"):
                # Of the whole answer so far. Clients add up what chunks say: it is told by one of its own, at the end.
                return chunk_of({**body, "usage": None}, holds_content=holds_content, ends=ends)
            self._has_told_usage = True
        if b"\n" in data:  # JSON over several lines of an event is written anew: chunks travel as lines
            return chunk_of(body, holds_content=holds_content, ends=ends)
        return Chunk(data, holds_content, ends)


def chunk_in(event: ServerEvent, so_far: StreamSoFar) -> dict[str, Any] | None:
    """The chunk that an event brings, if it brings one; `so_far` is told what it says of the end and of the usage.
    Raises BrokenStreamError and ErrorInStreamError."""
    if event.data.strip() == _DONE:
        so_far.ended = True
        return None
    body = parsed_event(event)
    if usage := body.get("usage"):
        so_far.usage = usage_read(usage)
    # Some say the usage after the end, which is for the books and no chunk any more.
    return None if so_far.ended else body
