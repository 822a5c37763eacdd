"""The chunks of one stream, kept small while they come: chunks repeat each other, so they compress well.

The log is a raw deflate stream of JSON objects, each followed by a newline. A window of 4 KiB finds what the chunk
before held, and keeps the compressor itself at some 20 KiB.
"""

import zlib
from collections.abc import Iterator

_LEVEL, _WINDOW_BITS, _MEMORY_LEVEL = 1, 12, 1
_READ_BYTES = 64 * 1024
_COMPRESSED_AT_ONCE = 4096


class ChunkLog:
    def __init__(self) -> None:
        self._compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, -_WINDOW_BITS, _MEMORY_LEVEL)
        self._compressed = bytearray()
        self._new: list[bytes] = []  # not compressed yet: a call for each chunk would take longer than its bytes
        self._new_bytes = 0

    def add(self, chunk: bytes) -> None:
        """chunk: JSON without a newline, or several, joined by newlines."""
        self._new.append(chunk)
        self._new_bytes += len(chunk) + 1
        if self._new_bytes >= _COMPRESSED_AT_ONCE:
            self._compress()

    @property
    def size(self) -> int:
        """Bytes, compressed up to the newest few."""
        return len(self._compressed) + self._new_bytes

    @property
    def bytes_so_far(self) -> bytes:
        """All that was added; more may be added afterwards."""
        self._compress()
        self._compressed += self._compressor.flush(zlib.Z_SYNC_FLUSH)
        return bytes(self._compressed)

    def _compress(self) -> None:
        if self._new:
            self._compressed += self._compressor.compress(b"\n".join(self._new) + b"\n")
            self._new.clear()
            self._new_bytes = 0


class UnreadableLogError(Exception):
    """The bytes are no log, or hold more than they may."""


def chunks_in(log: bytes, max_bytes: int) -> Iterator[bytes]:
    """The chunks of a log. max_bytes: of all of them. Raises UnreadableLogError."""
    decompressor = zlib.decompressobj(-_WINDOW_BITS)
    size, rest, held, read = 0, log, b"", b""
    while rest or len(read) == _READ_BYTES:  # what was read may be full, and more of it be held in the decompressor
        try:
            read = decompressor.decompress(rest, _READ_BYTES)
        except zlib.error as error:
            raise UnreadableLogError(str(error)) from None
        rest = decompressor.unconsumed_tail
        size += len(read)
        if size > max_bytes:
            raise UnreadableLogError(f"it holds more than {max_bytes} bytes")
        *whole, held = (held + read).split(b"\n")
        yield from whole
    if held:
        raise UnreadableLogError("its last chunk is cut off")
