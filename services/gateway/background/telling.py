"""Pure: a stored answer as its operation tells it."""

from collections.abc import Iterator
from typing import Any, Literal

import orjson

from services.gateway.background.asking import form_of
from services.gateway.inference.text_completions import told
from shared.wire.messages.collected import collected_message
from shared.wire.reading.chunk_log import chunks_in
from shared.wire.reading.collected import Collected, chunk_bodies_of

_MOST_CHUNK_BYTES = 64 * 1024 * 1024  # of an answer that was streamed and is told whole

StoredForm = Literal["completion", "chunks"]


def whole(operation: str, form: StoredForm, body: bytes) -> bytes:
    """As JSON. Raises UnreadableLogError for chunks that hold too much."""
    if form == "chunks":
        body = _collected(operation, body)
    return told(body) if operation == "completions" else body


def chat_chunks(form: StoredForm, body: bytes) -> Iterator[dict[str, Any]]:
    """The chunks of a chat, whole or streamed. Raises UnreadableLogError, BrokenStreamError."""
    return _chunks(body) if form == "chunks" else chunk_bodies_of(body)


def _collected(operation: str, log: bytes) -> bytes:
    if form_of(operation) == "anthropic":
        return collected_message(_chunks(log))
    completion = Collected()
    for chunk in _chunks(log):
        completion.add(chunk)
    return completion.completion()


def _chunks(log: bytes) -> Iterator[dict[str, Any]]:
    for line in chunks_in(log, _MOST_CHUNK_BYTES):
        if isinstance(chunk := orjson.loads(line), dict):
            yield chunk
