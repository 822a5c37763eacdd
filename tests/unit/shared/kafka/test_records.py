"""Whatever a batch holds, its reader goes on behind it, and everything else in it is read."""

from collections.abc import Callable

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.codec import gzip_encode, snappy_encode, zstd_encode
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from shared.events.codec import UNDECODABLE, UnreadableMessageError, decode
from shared.events.topics import REQUESTS
from shared.kafka import ConsumerRecord, records
from shared.kafka.records import Records

PLACE = TopicPartition(REQUESTS.name, 0)
HEADER_BYTES = 61

Change = Callable[[bytes], bytes]


def batch(*values: bytes, base: int = 0, codec: int = 0, change: Change = lambda raw: raw) -> bytes:
    """As the broker keeps it. change: of the records as they are written, before the checksum."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 30)
    for number, value in enumerate(values):
        builder.append(number, 1000 + number, b"key", value, [("name", b"value")])
    raw = change(bytes(builder.build()))
    raw = base.to_bytes(8, "big") + (len(raw) - 12).to_bytes(4, "big") + raw[12:]
    return raw[:17] + int(calc_crc32c(raw[21:])).to_bytes(4, "big") + raw[21:]


def compressed(inflated: bytes, codec: int, encode: Callable[[bytes], bytes]) -> bytes:
    raw = batch(b"x", change=lambda raw: raw[:HEADER_BYTES] + encode(inflated))
    raw = raw[:21] + codec.to_bytes(2, "big") + raw[23:]
    return raw[:17] + int(calc_crc32c(raw[21:])).to_bytes(4, "big") + raw[21:]


def read(fetched: bytes, offset: int = 0) -> list[ConsumerRecord]:
    return list(PartitionRecords(PLACE, Records(fetched), [], offset, None, None, True, 0))


def reason(record: ConsumerRecord) -> str:
    with pytest.raises(UnreadableMessageError) as raised:
        decode(REQUESTS, record.headers, record.value)
    return str(raised.value)


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4], ids=["plain", "gzip", "snappy", "lz4", "zstd"])
def test_what_is_in_order_is_read_as_by_the_client(codec: int) -> None:
    found = read(batch(b"a", b"b" * 50_000, b"", codec=codec) + batch(b"c", base=3, codec=codec))
    assert [(record.offset, record.timestamp, record.value) for record in found] == [
        (0, 1000, b"a"), (1, 1001, b"b" * 50_000), (2, 1002, b""), (3, 1000, b"c"),
    ]  # fmt: skip
    assert {(record.key, record.headers) for record in found} == {(b"key", (("name", b"value"),))}


def test_a_header_whose_name_is_not_utf8_is_a_header_and_its_record_is_read() -> None:
    first = batch(b"a", b"b", change=lambda raw: raw.replace(b"name", b"na\xffe", 1))
    found = read(first + batch(b"c", base=2))
    assert [(record.offset, record.value) for record in found] == [(0, b"a"), (1, b"b"), (2, b"c")]
    assert [record.headers[0][0] for record in found] == ["na\\xffe", "name", "name"]


def test_a_record_that_is_malformed_is_told_at_its_offset_and_the_others_are_read() -> None:
    """Its number of headers is negative."""
    malformed = batch(b"a", b"b", b"c", change=lambda raw: raw.replace(b"b\x02\x08name", b"b\x7f\x08name"))
    assert [record.offset for record in read(malformed)] == [0, 1, 2]
    assert "malformed" in reason(read(malformed)[1])


def test_a_batch_that_ends_too_early_is_told_at_its_last_offset() -> None:
    found = read(batch(b"a", b"b", b"c", change=lambda raw: raw[:-20]) + batch(b"d", base=3))
    assert [(record.offset, record.value) for record in found] == [(0, b"a"), (1, b"b"), (2, None), (3, b"d")]
    assert reason(found[2]) == "the message cannot be decoded: its batch is broken after 2 of 3 records"


def _lz4_bomb(data: bytes) -> bytes:
    return bytes(cramjam.lz4.compress(data))


@pytest.mark.parametrize(
    ("codec", "encode"),
    [(1, gzip_encode), (2, snappy_encode), (3, _lz4_bomb), (4, zstd_encode)],
    ids=["gzip", "snappy", "lz4", "zstd"],
)
def test_what_inflates_without_bound_is_told_and_takes_no_memory(
    codec: int, encode: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_INFLATED_BYTES", 1_000_000)
    bomb = compressed(bytes(1_000_100), codec, encode)
    [found] = read(bomb)
    assert reason(found) == "the message cannot be decoded: its batch inflates to more than 1000000 bytes"
    assert found.headers[0][0] == UNDECODABLE


@pytest.mark.parametrize("codec", [1, 2, 3, 4], ids=["gzip", "snappy", "lz4", "zstd"])
def test_what_cannot_be_decompressed_is_told_wherever_the_reading_began(codec: int) -> None:
    garbage = compressed(b"garbage", codec, lambda data: data)
    found = read(garbage + batch(b"b", base=1))
    assert [(record.offset, record.value) for record in found] == [(0, None), (1, b"b")]
    assert "cannot be decompressed" in reason(found[0])


def test_what_the_broker_has_damaged_is_fetched_again_and_what_was_before_it_is_not_lost() -> None:
    whole, damaged = batch(b"a"), batch(b"b", base=1)[:-1] + b"?"
    assert [record.value for record in read(whole + damaged + batch(b"c", base=2))] == [b"a"]
    with pytest.raises(CorruptRecordException):
        read(damaged, offset=1)


def test_what_has_not_come_as_a_whole_is_fetched_again() -> None:
    assert [record.value for record in read(batch(b"a") + batch(b"b", base=1)[:-1])] == [b"a"]


@pytest.mark.parametrize("codec", [0, 1, 2, 3, 4], ids=["plain", "gzip", "snappy", "lz4", "zstd"])
def test_no_batch_whatever_is_in_it_stops_the_reader(codec: int) -> None:
    """Each byte behind the header is turned into others."""
    good = batch(b"a", b"b", codec=codec)
    for at in range(HEADER_BYTES, len(good)):
        for flipped in (0x00, 0x7F, 0x80, 0xFF):
            changed = batch(b"a", b"b", codec=codec, change=lambda raw: raw[:at] + bytes([flipped]) + raw[at + 1 :])  # noqa: B023
            found = read(changed + batch(b"c", base=2))
            assert found[-1].value == b"c"
