"""Frames of the lane: what kind, of which inference, and a payload. Pure.

On the wire: 4 bytes of length of what follows, 1 byte of kind, 16 bytes of inference id, the payload. Big endian.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

_HEAD = struct.Struct(">IB16s")
_LENGTH_BYTES = 4
_SHORTEST = _HEAD.size - _LENGTH_BYTES
NO_INFERENCE = bytes(16)


class Kind(IntEnum):
    """CHALLENGE, PROOF: of the handshake. CHUNK, REPLY: to the gateway; a REPLY is the last word on its inference, and
    is answered. ASK: has anything of this inference's answer been told? It is answered by FRESH, BEGUN or GONE. The
    others go back to the router. TAKEN: the reply is with who waits for it. GONE: nobody waits here any more. PAUSE,
    RESUME: the caller reads too slowly."""

    CHALLENGE = 1
    PROOF = 2
    CHUNK = 3
    REPLY = 4
    PAUSE = 5
    RESUME = 6
    GONE = 7
    TAKEN = 8
    ASK = 9
    FRESH = 10
    BEGUN = 11


_KINDS = {kind.value: kind for kind in Kind}  # faster than to call it


class BrokenLaneError(Exception):
    """What arrived is no frame, or one that is larger than may be; the connection is of no use any more."""


class Frame(NamedTuple):
    """inference_id: its 16 bytes."""

    kind: Kind
    inference_id: bytes
    payload: bytes = b""

    def encoded(self) -> bytes:
        return _HEAD.pack(_SHORTEST + len(self.payload), self.kind, self.inference_id) + self.payload


class FrameReader:
    """Of one connection. max_bytes: of a frame."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._held = bytearray()

    def read(self, received: bytes) -> Iterator[Frame]:
        """The frames that are whole with these bytes. Raises BrokenLaneError."""
        self._held += received
        start = 0
        try:
            while (frame := self._frame_at(start)) is not None:
                start += _HEAD.size + len(frame.payload)
                yield frame
        finally:
            del self._held[:start]

    def _frame_at(self, start: int) -> Frame | None:
        if len(self._held) - start < _HEAD.size:
            return None
        length, kind, inference_id = _HEAD.unpack_from(self._held, start)
        if not _SHORTEST <= length <= self.max_bytes:
            raise BrokenLaneError(f"a frame of {length} bytes; at most {self.max_bytes} are taken")
        end = start + _LENGTH_BYTES + length
        if len(self._held) < end:
            return None
        return Frame(_kind(kind), inference_id, bytes(self._held[start + _HEAD.size : end]))


def _kind(number: int) -> Kind:
    kind = _KINDS.get(number)
    if kind is None:
        raise BrokenLaneError(f"a frame of the unknown kind {number}")
    return kind
