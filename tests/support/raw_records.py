"""Records as a producer in another language may write them, byte by byte: our own client would refuse to."""

from collections.abc import Sequence

from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy as BatchBuilder

HeaderName = str | bytes
Headers = Sequence[tuple[HeaderName, bytes | None]]
_MOST_BYTES = 6 * 1024 * 1024


def batch_of(key: bytes | None, value: bytes | None, headers: Headers, timestamp_ms: int) -> bytes:
    """A batch of one record, as it goes over the line."""
    builder = BatchBuilder(2, 0, 0, -1, -1, -1, _MOST_BYTES)
    builder.append(0, timestamp_ms, key, value, [(_named(name), text) for name, text in headers])
    return bytes(builder.build())


def _named(name: HeaderName) -> str:
    return _RawName(name) if isinstance(name, bytes) else name


class _RawName(str):
    """A header's name that is no text."""

    raw: bytes

    def __new__(cls, raw: bytes) -> "_RawName":
        name = super().__new__(cls, raw.hex())
        name.raw = raw
        return name

    def encode(self, *_: object, **__: object) -> bytes:
        return self.raw
