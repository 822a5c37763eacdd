"""Where records lie when they are acked, and what is refused."""

import asyncio

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from shared.events.topics import MAX_DEAD_LETTER_BYTES
from shared.kafka import TopicPartition
from tests.kafka.bench import Bench, on_both, places, read


@on_both
async def test_an_ack_says_where_the_record_lies(bench: Bench) -> None:
    topic, producer = await bench.topic(2), await bench.producer()

    acks = [await producer.send(topic.name, b"%d" % number, None, number % 2) for number in range(4)]
    placed = await asyncio.gather(*acks)

    assert [(ack.topic, ack.partition, ack.offset) for ack in placed] == [
        (topic.name, 0, 0), (topic.name, 1, 0), (topic.name, 0, 1), (topic.name, 1, 1),
    ]  # fmt: skip
    assert [ack.topic_partition for ack in placed] == [TopicPartition(topic.name, number % 2) for number in range(4)]


@on_both
async def test_records_of_one_key_lie_on_one_partition_in_their_order(bench: Bench) -> None:
    topic, producer = await bench.topic(3), await bench.producer()
    keys = [b"key-%d" % number for number in range(20)]

    for turn in range(3):
        for future in [await producer.send(topic.name, b"%d" % turn, key) for key in keys]:
            await future

    records = await read(await bench.reader(places(topic)), 60)
    partition_of = DefaultPartitioner()
    for key in keys:
        mine = [record for record in records if record.key == key]
        assert [record.value for record in mine] == [b"0", b"1", b"2"]
        assert {record.partition for record in mine} == {partition_of(key, [0, 1, 2], [])}


@on_both
async def test_a_record_comes_back_as_it_was_sent(bench: Bench) -> None:
    topic, producer = await bench.topic(), await bench.producer()
    headers = [("ce_id", b"1"), ("empty", b""), ("ce_id", b"2"), ("none", None)]
    before_ms = bench.now_ms()

    acked = await (await producer.send(topic.name, b"body", b"key", 0, headers=headers))
    await (await producer.send(topic.name, None, b"tombstone", 0))
    await (await producer.send(topic.name, b"", None, 0))

    full, tombstone, empty = await read(await bench.reader(places(topic)), 3)
    assert (full.topic, full.partition, full.offset) == (topic.name, 0, 0)
    assert (full.key, full.value, full.headers) == (b"key", b"body", tuple(headers))
    assert (full.serialized_key_size, full.serialized_value_size) == (3, 4)
    assert before_ms <= full.timestamp == acked.timestamp <= bench.now_ms()
    assert (full.timestamp_type, full.checksum) == (0, None)
    assert (tombstone.key, tombstone.value, tombstone.headers) == (b"tombstone", None, ())
    assert (empty.key, empty.value) == (None, b"")
    assert (empty.serialized_key_size, tombstone.serialized_value_size) == (-1, -1)


@on_both
async def test_the_client_refuses_what_is_too_large_to_send(bench: Bench) -> None:
    topic, producer = await bench.topic(), await bench.producer()

    with pytest.raises(MessageSizeTooLargeError):
        await producer.send(topic.name, bytes(MAX_DEAD_LETTER_BYTES), None, 0)


@on_both
async def test_the_broker_refuses_what_is_too_large_for_its_topic(bench: Bench) -> None:
    topic, producer = await bench.topic(max_bytes=1000), await bench.producer()

    refused = await producer.send(topic.name, bytes(1001), None, 0)
    with pytest.raises(MessageSizeTooLargeError):
        await refused
    await (await producer.send(topic.name, bytes(900), None, 0))

    [kept] = await read(await bench.reader(places(topic)), 1)
    assert (kept.offset, len(kept.value)) == (0, 900)


@on_both
async def test_a_record_of_neither_key_nor_value_is_not_sent(bench: Bench) -> None:
    topic, producer = await bench.topic(), await bench.producer()

    with pytest.raises(AssertionError, match="Need at least one: key or value"):
        await producer.send(topic.name, None, None, 0)


@on_both
async def test_what_was_sent_lies_there_when_the_producer_has_stopped(bench: Bench) -> None:
    topic, producer = await bench.topic(), bench.broker.producer()
    await producer.start()

    acks = [await producer.send(topic.name, b"%d" % number, None, 0) for number in range(5)]
    await producer.stop()

    assert all(ack.done() for ack in acks)
    assert len(await read(await bench.reader(places(topic)), 5)) == 5


@on_both
async def test_a_caller_that_gives_up_does_not_call_its_record_back(bench: Bench) -> None:
    topic, producer = await bench.topic(), await bench.producer()

    (await producer.send(topic.name, b"given up", None, 0)).cancel()
    await (await producer.send(topic.name, b"next", None, 0))

    records = await read(await bench.reader(places(topic)), 2)
    assert [record.value for record in records] == [b"given up", b"next"]
