"""Records as the broker sends them, read so that none of them can stop its reader.

The client decodes what it has fetched while it is asked for the next records. What it cannot decode, such as the name
of a header that is not UTF-8, makes it raise for ever, for all partitions of the reader, and has it pass silently over
the records that were fetched before it; what inflates to gigabytes ends the process. Here such a record comes with a
header that says so (`shared.events.codec.UNDECODABLE`), at its offset and without its content, and becomes a dead
letter like any other that cannot be read. Only what the broker itself has damaged is fetched again.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import aiokafka.consumer.fetcher as client
import cramjam
import structlog
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.legacy_records import LegacyRecordBatch
from aiokafka.record.util import calc_crc32c, decode_varint

from shared.events.codec import UNDECODABLE

logger = structlog.get_logger(__name__)

# The records of one batch, inflated. By the defaults of all clients they have a megabyte before they are compressed.
MAX_INFLATED_BYTES = 64 * 1024 * 1024
_FIRST_ROOM_BYTES = 4 * 1024 * 1024  # enough for nearly every batch

# Base offset, length, epoch of the leader, version, CRC, attributes, last offset delta, first and last timestamp,
# producer, its epoch, first sequence, number of records.
_HEADER = struct.Struct(">qiibIhiqqqhii")
_LENGTH_AT, _VERSION_AT, _CRC_AT, _ATTRIBUTES_AT = 8, 16, 17, 21
_OVERHEAD = 12  # base offset and length
_CODEC, _BROKER_TIME = 0x07, 0x08
_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16


class UndecodableError(Exception):
    """What is wrong with one record or its batch, without its content."""


class Record(NamedTuple):
    """As the client's own. Times in milliseconds since 1970."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    checksum: None = None


class Batch:
    """One batch, as the client's own."""

    def __init__(self, raw: memoryview) -> None:
        self._raw = raw
        self._read = DefaultRecordBatch(raw)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._read, name)

    def validate_crc(self) -> bool:
        return is_whole(self._raw)

    def __next__(self) -> Any:
        return next(self._read)

    def __iter__(self) -> Iterator[Any]:
        try:
            plain = inflated(self._raw)
        except UndecodableError as error:
            return iter([_in_place_of(self._raw, self._read.next_offset - 1, str(error))])
        try:
            return iter(list(DefaultRecordBatch(plain)))
        except Exception:  # noqa: BLE001 - one by one, so that only what is wrong is set aside
            return iter(list(_one_by_one(plain)))


class Records:
    """What one partition's fetch has brought, one batch after another, as the client's `MemoryRecords`."""

    def __init__(self, fetched: bytes) -> None:
        self._fetched = memoryview(fetched)
        self._at = 0
        self._next = self._cut()

    def size_in_bytes(self) -> int:
        return len(self._fetched)

    def has_next(self) -> bool:
        return self._next is not None

    def next_batch(self) -> Any:
        raw = self._next
        if raw is None:
            return None
        following = self._cut()
        # What comes before a damaged batch is handed over first: the client would drop it with the error.
        self._next = following if following is None or is_whole(following) else None
        if _is_old(raw):
            return LegacyRecordBatch(raw, raw[_VERSION_AT])
        if not is_whole(raw):
            logger.error("records.damaged", offset=_HEADER.unpack_from(raw)[0], bytes=len(raw))
        return Batch(raw)

    def _cut(self) -> memoryview | None:
        """The next batch; None when there is none that has come as a whole."""
        left = self._fetched[self._at :]
        if len(left) < _OVERHEAD:
            return None
        end = _OVERHEAD + struct.unpack_from(">i", left, _LENGTH_AT)[0]
        if end > len(left) or end <= _VERSION_AT:
            return None
        self._at += end
        return left[:end]


def is_whole(raw: memoryview) -> bool:
    if _is_old(raw):
        return True
    return len(raw) >= _HEADER.size and calc_crc32c(bytes(raw[_ATTRIBUTES_AT:])) == _crc(raw)


def inflated(raw: memoryview) -> memoryview:
    """The batch without compression; its checksum is that of the compressed one. Raises UndecodableError."""
    fields = list(_HEADER.unpack_from(raw))
    codec = fields[5] & _CODEC
    if not codec:
        return raw
    try:
        records = _INFLATE[codec](bytes(raw[_HEADER.size :]))
    except UndecodableError:
        raise
    except Exception as error:  # noqa: BLE001 - each codec has errors of its own
        raise UndecodableError(f"its batch cannot be decompressed: {type(error).__name__}") from None
    fields[5] &= ~_CODEC
    return memoryview(_HEADER.pack(*fields) + records)


def _gunzip(data: bytes) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    records = inflater.decompress(data, MAX_INFLATED_BYTES + 1)
    if len(records) > MAX_INFLATED_BYTES:
        raise _too_large()
    return records


def _unsnap(data: bytes) -> bytes:
    blocks = list(_snappy_blocks(data))
    if sum(cramjam.snappy.decompress_raw_len(block) for block in blocks) > MAX_INFLATED_BYTES:
        raise _too_large()
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _snappy_blocks(data: bytes) -> Iterator[bytes]:
    if not data.startswith(_XERIAL):
        yield data
        return
    at = _XERIAL_HEADER_BYTES
    while at < len(data):
        [size] = struct.unpack_from(">I", data, at)
        yield data[at + 4 : at + 4 + size]
        at += 4 + size


def _inflated_by(codec: Any, data: bytes) -> bytes:
    for size in (min(_FIRST_ROOM_BYTES, MAX_INFLATED_BYTES), MAX_INFLATED_BYTES):
        room = bytearray(size)
        try:
            return bytes(memoryview(room)[: codec.decompress_into(data, room)])
        except cramjam.DecompressionError as error:
            if "whole buffer" not in str(error):
                raise
    raise _too_large()


_INFLATE: dict[int, Callable[[bytes], bytes]] = {
    _GZIP: _gunzip,
    _SNAPPY: _unsnap,
    _LZ4: lambda data: _inflated_by(cramjam.lz4, data),
    _ZSTD: lambda data: _inflated_by(cramjam.zstd, data),
}


def _too_large() -> UndecodableError:
    return UndecodableError(f"its batch inflates to more than {MAX_INFLATED_BYTES} bytes")


def _one_by_one(plain: memoryview) -> Iterator[Record]:
    """Of a batch that is not compressed: each record, or one in its place. Each begins with its length."""
    header = _HEADER.unpack_from(plain)
    base, count = header[0], header[12]
    data, at = bytearray(plain[_HEADER.size :]), 0
    for number in range(count):
        record, at = _cut_record(data, at)
        if record is None:  # where the next one begins is not known
            yield _in_place_of(plain, base + header[6], f"its batch is broken after {number} of {count} records")
            return
        try:
            yield _record(record, header)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the next one is another
            yield _in_place_of(plain, base + number, f"it is malformed: {type(error).__name__}")


def _cut_record(data: bytearray, at: int) -> tuple[bytearray | None, int]:
    """One record, and where the next one begins; None when that cannot be known."""
    try:
        size, begin = decode_varint(data, at)
    except (IndexError, ValueError):
        return None, at
    end = begin + size
    return (None, at) if size < 0 or end > len(data) else (data[begin:end], end)


def _record(data: bytearray, header: tuple[Any, ...]) -> Record:
    base, attributes, first_ms, last_ms = header[0], header[5], header[7], header[8]
    _, at = decode_varint(data, 0)  # attributes, of which there are none
    after_ms, at = decode_varint(data, at)
    offset_delta, at = decode_varint(data, at)
    key, at = _field(data, at)
    value, at = _field(data, at)
    count, at = decode_varint(data, at)
    headers = []
    for _ in range(count):
        name, at = _field(data, at)
        content, at = _field(data, at)
        headers.append(((name or b"").decode("utf-8", "backslashreplace"), content))
    if count < 0 or at != len(data):
        raise UndecodableError("its fields do not fill it")
    by_broker = bool(attributes & _BROKER_TIME)
    timestamp = last_ms if by_broker else first_ms + after_ms
    return Record(base + offset_delta, timestamp, int(by_broker), key, value, headers)


def _field(data: bytearray, at: int) -> tuple[bytes | None, int]:
    size, at = decode_varint(data, at)
    if size < 0:
        return None, at
    if at + size > len(data):
        raise UndecodableError("a field is longer than its record")
    return bytes(data[at : at + size]), at + size


def _in_place_of(raw: memoryview, offset: int, reason: str) -> Record:
    header = _HEADER.unpack_from(raw)
    return Record(offset, header[8], 0, None, None, [(UNDECODABLE, reason.encode())])


def _crc(raw: memoryview) -> int:
    return int(struct.unpack_from(">I", raw, _CRC_AT)[0])


def _is_old(raw: memoryview) -> bool:
    return raw[_VERSION_AT] < 2


def read_sturdily() -> None:
    """From now on every consumer of this process reads so. The client has no setting for it; its version is pinned."""
    client.MemoryRecords = Records
