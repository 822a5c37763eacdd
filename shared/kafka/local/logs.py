"""The records of one partition."""

import asyncio
from bisect import bisect_left
from collections.abc import Sequence

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError, OffsetOutOfRangeError
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import RecordMetadata

from shared.kafka.broker import PlaceInTime

Headers = Sequence[tuple[str, bytes | None]]

_CREATE_TIME = 0


class PartitionLog:
    def __init__(self, place: TopicPartition, max_bytes: int) -> None:
        self.place = place
        self._readers: dict[asyncio.Event, None] = {}  # in the order in which they came
        self._max_bytes = max_bytes
        self._begin = 0
        self._records: list[ConsumerRecord] = []

    @property
    def begin(self) -> int:
        return self._begin

    @property
    def end(self) -> int:
        return self._begin + len(self._records)

    @property
    def records(self) -> Sequence[ConsumerRecord]:
        """Those that are kept."""
        return tuple(self._records)

    def append(self, key: bytes | None, value: bytes | None, headers: Headers, timestamp_ms: int) -> RecordMetadata:
        """Raises MessageSizeTooLargeError."""
        if size_of(key, value, headers) > self._max_bytes:
            raise MessageSizeTooLargeError(f"{self.place.topic} takes {self._max_bytes} bytes")
        offset = self.end
        self._records.append(self._record(offset, key, value, headers, timestamp_ms))
        for reader in self._readers:
            reader.set()
        return RecordMetadata(*self.place, self.place, offset, timestamp_ms, _CREATE_TIME, self._begin)

    def wake(self, reader: asyncio.Event) -> None:
        """From now on it is set when something has come."""
        self._readers[reader] = None

    def wake_no_more(self, reader: asyncio.Event) -> None:
        self._readers.pop(reader, None)

    def holds(self, offset: int) -> bool:
        """Whether a reader may go on from there."""
        return self._begin <= offset <= self.end

    def read(self, offset: int, most: int | None) -> list[ConsumerRecord]:
        """Raises OffsetOutOfRangeError."""
        if not self.holds(offset):
            raise OffsetOutOfRangeError({self.place: offset})
        first = offset - self._begin
        return self._records[first:] if most is None else self._records[first : first + most]

    def first_at(self, timestamp_ms: int) -> PlaceInTime | None:
        """The first record at or after that time."""
        return next(
            (PlaceInTime(kept.offset, kept.timestamp) for kept in self._records if kept.timestamp >= timestamp_ms), None
        )

    def drop_before(self, offset: int) -> None:
        """Records before it are gone, as after retention."""
        gone = bisect_left(self._records, offset, key=lambda record: record.offset)
        del self._records[:gone]
        self._begin += gone

    def drop_older(self, timestamp_ms: int) -> None:
        first = self.first_at(timestamp_ms)
        self.drop_before(self.end if first is None else first.offset)

    def _record(
        self, offset: int, key: bytes | None, value: bytes | None, headers: Headers, timestamp_ms: int
    ) -> ConsumerRecord:
        return ConsumerRecord(
            topic=self.place.topic,
            partition=self.place.partition,
            offset=offset,
            timestamp=timestamp_ms,
            timestamp_type=_CREATE_TIME,
            key=key,
            value=value,
            checksum=None,
            serialized_key_size=-1 if key is None else len(key),
            serialized_value_size=-1 if value is None else len(value),
            headers=tuple(headers),
        )


def size_of(key: bytes | None, value: bytes | None, headers: Headers) -> int:
    """As the client reckons it, with the frame of a batch."""
    return int(DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, list(headers)))
