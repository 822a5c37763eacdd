"""The OpenAI wire format: what our callers speak, so bodies pass through."""

import re
from collections.abc import Mapping
from typing import Any

import orjson

from shared.operations import WireFormat
from shared.wire.plain.chat_stream import OpenAIStream
from shared.wire.reading.collected import Collected
from shared.wire.reading.completions import Completion, NotACompletionError, completion_in
from shared.wire.reading.server_events import ServerEvents
from shared.wire.reading.streams import BrokenStreamError
from shared.wire.requests import with_defaults, written

_STREAM = re.compile(rb"\s{0,100}(?:data|event|id|retry)?:")
_MOST_EVENTS = 10_000  # of a stream that is read at once


class PlainChat:
    """A chat that is asked in OpenAI's form, of an endpoint that speaks it."""

    form: WireFormat = "openai"
    path = "/chat/completions"

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        return written(with_defaults(model, defaults, body))

    def completion(self, answer: bytes) -> Completion:
        return completion_in(whole(answer))

    def stream(self) -> OpenAIStream:
        return OpenAIStream()


def whole(answer: bytes) -> bytes:
    """The completion, also of endpoints that stream although nobody has asked for it. Raises NotACompletionError and
    ErrorInAnswerError."""
    return _of_stream(answer) if _STREAM.match(answer) else answer


def _of_stream(answer: bytes) -> bytes:
    if answer.count(b"data:") > _MOST_EVENTS:
        raise NotACompletionError("the body is a stream of too many events, which was not asked for")
    events, reader, collected = ServerEvents(len(answer) + 1), OpenAIStream(), Collected()
    told = list(events.read(answer))
    told += [] if (last := events.end()) is None else [last]
    try:
        for event in told:
            for chunk in reader.chunks(event):
                collected.add(orjson.loads(chunk.data))
    except BrokenStreamError as error:
        raise NotACompletionError(f"the body is a stream, and {error}", reader.so_far.usage) from None
    if not reader.so_far.whole:
        raise NotACompletionError("the body is a stream that ended before the answer was whole", reader.so_far.usage)
    for chunk in reader.end():
        collected.add(orjson.loads(chunk.data))
    return collected.completion()
