"""A stream in the OpenAI wire format: chunks pass through as they are."""

from collections.abc import Iterator
from typing import Any

import orjson

from shared.wire.completions import usage_read
from shared.wire.server_events import ServerEvent
from shared.wire.streams import Chunk, ErrorInStreamError, StreamSoFar, choices_of, chunk_of, parsed_event

_DONE = b"[DONE]"


class OpenAIStream:
    def __init__(self) -> None:
        self.so_far = StreamSoFar()

    def chunks(self, event: ServerEvent) -> Iterator[Chunk]:
        if event.data.strip() == _DONE:
            self.so_far.ended = True
            return
        body = parsed_event(event)
        for choice in choices_of(body):
            if _is_error(choice):
                raise ErrorInStreamError(_error_in(choice))
        if body.get("usage"):
            self.so_far.usage = usage_read(body["usage"])
        if self.so_far.ended:  # some say the usage after the end, which is for the books and no chunk any more
            return
        self.so_far.heard(body)
        yield _passed_on(event.data, body)


def _passed_on(data: bytes, body: dict[str, Any]) -> Chunk:
    if body.get("usage") and body.get("choices"):
        # Of the whole answer so far. Clients add up what chunks say, so it is told by one chunk of its own, at the end.
        return chunk_of({**body, "usage": None})
    # JSON over several lines of an event is written anew: chunks travel as lines.
    return Chunk(data, body) if b"\n" not in data else chunk_of(body)


def _is_error(choice: dict[str, Any]) -> bool:
    return choice.get("finish_reason") == "error" or bool(choice.get("error"))


def _error_in(choice: dict[str, Any]) -> bytes:
    """Without the rest of the chunk: errors are booked in the clear, and there may be text of the answer in it."""
    said = choice.get("error") or {"message": "a choice ended with the finish_reason `error`"}
    return orjson.dumps({"error": said})
