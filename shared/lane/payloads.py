"""What the frames of the lane hold: the chunks of a stream, and the reply. Pure.

CHUNK: 2 bytes of the attempt's number, 4 bytes of the frame's sequence in it, from 0; then chunks in the OpenAI wire
format as JSON, joined by newlines, sealed. REPLY: 1 byte, whether it is a ReplyFailed; 4 bytes of length of what
follows, the reply event as JSON without its sealed body; then that body, sealed. Big endian.
"""

import struct
from typing import NamedTuple
from uuid import UUID

from pydantic import ValidationError

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_bytes, seal_bytes
from shared.events import ReplyCompleted, ReplyFailed
from shared.lane.frames import BrokenLaneError

_CHUNK = struct.Struct(">HI")
_REPLY = struct.Struct(">?I")
MAX_ATTEMPT_NUMBER = 2**16 - 1


class Chunks(NamedTuple):
    """Of one frame. attempt_number: from 1, over all deliveries. lines: JSON objects, joined by newlines."""

    attempt_number: int
    sequence: int
    lines: bytes


class LaneReply(NamedTuple):
    """said: without its sealed body. body: opened; empty when the frames before it have told all."""

    said: ReplyCompleted | ReplyFailed
    body: bytes


def sealed_chunks(ring: KeyRing, context: SealedContext, chunks: Chunks) -> bytes:
    """context: of `chunk_context`."""
    return _CHUNK.pack(chunks.attempt_number, chunks.sequence) + seal_bytes(ring, context, chunks.lines)


def open_chunks(ring: KeyRing, context: SealedContext, payload: bytes) -> Chunks:
    """Raises BrokenLaneError."""
    if len(payload) < _CHUNK.size:
        raise BrokenLaneError("a frame of chunks is cut short")
    attempt_number, sequence = _CHUNK.unpack_from(payload)
    return Chunks(attempt_number, sequence, _opened(ring, context, payload[_CHUNK.size :]))


def sealed_reply(ring: KeyRing, said: ReplyCompleted | ReplyFailed, body: bytes) -> bytes:
    """said: with an empty sealed body."""
    context = reply_context(said.tenant_id, said.inference_id)
    return with_sealed_body(said, seal_bytes(ring, context, body) if body else b"")


def with_sealed_body(said: ReplyCompleted | ReplyFailed, sealed: bytes) -> bytes:
    """As `sealed_reply`, of a body that is sealed already."""
    head = said.encoded()
    return b"".join((_REPLY.pack(isinstance(said, ReplyFailed), len(head)), head, sealed))


def open_reply(ring: KeyRing, tenant_id: str, inference_id: UUID, payload: bytes) -> LaneReply:
    """Raises BrokenLaneError, also for the reply to another inference."""
    said, sealed = _said(payload)
    if (said.tenant_id, said.inference_id) != (tenant_id, inference_id):
        raise BrokenLaneError("a reply is of another inference than its frame")
    return LaneReply(said, _opened(ring, reply_context(tenant_id, inference_id), sealed) if sealed else b"")


def chunk_context(tenant_id: str, inference_id: UUID) -> SealedContext:
    return SealedContext(tenant_id, "chunk", str(inference_id))


def reply_context(tenant_id: str, inference_id: UUID) -> SealedContext:
    return SealedContext(tenant_id, "reply", str(inference_id))


def _said(payload: bytes) -> tuple[ReplyCompleted | ReplyFailed, bytes]:
    try:
        failed, length = _REPLY.unpack_from(payload)
        end = _REPLY.size + length
        kind = ReplyFailed if failed else ReplyCompleted
        return kind.decoded(payload[_REPLY.size : end]), payload[end:]
    except (struct.error, ValidationError):
        raise BrokenLaneError("a reply cannot be read") from None


def _opened(ring: KeyRing, context: SealedContext, sealed: bytes) -> bytes:
    try:
        return open_bytes(ring, context, sealed)
    except UnreadableSecretError as error:
        raise BrokenLaneError(f"what was sealed for the lane cannot be opened: {error}") from None
