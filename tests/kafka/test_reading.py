"""Readers by assignment: where they begin, what they are given, and what is there no more."""

import asyncio

import pytest
from aiokafka.errors import ConsumerStoppedError, IllegalOperation, UnknownTopicOrPartitionError

from shared.kafka import IllegalStateError, OffsetOutOfRangeError, TopicPartition
from shared.kafka.admin import connected_admin
from shared.kafka.partitions import partitions_of
from shared.kafka.tail import Tail
from tests.kafka.bench import Bench, on_both, places, read


@on_both
async def test_a_reader_begins_where_it_is_told(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.publish(topic, b"0", b"1", b"2")
    [place] = places(topic)
    reader = await bench.reader([place])

    assert await reader.position(place) == 0
    reader.seek(place, 2)
    assert [record.offset for record in await read(reader, 1)] == [2]
    await reader.seek_to_beginning(place)
    assert [record.offset for record in await read(reader, 3)] == [0, 1, 2]
    assert await reader.position(place) == 3
    reader.seek(place, 0)
    await reader.seek_to_end(place)
    assert await reader.position(place) == 3


@on_both
async def test_a_reader_from_the_end_is_given_what_comes_then(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.publish(topic, b"old")
    [place] = places(topic)
    reader = await bench.reader([place], reset="latest")
    assert await reader.position(place) == 1

    await bench.publish(topic, b"new")

    assert [record.value for record in await read(reader, 1)] == [b"new"]


@on_both
async def test_the_ends_of_partitions(bench: Bench) -> None:
    topic = await bench.topic(3)
    await bench.publish(topic, b"a", b"b", partition=1)
    reader = await bench.reader([])

    assert await reader.beginning_offsets(places(topic)) == dict.fromkeys(places(topic), 0)
    assert await reader.end_offsets(places(topic)) == dict(zip(places(topic), (0, 2, 0), strict=True))


@on_both
async def test_many_are_waited_for_until_one_comes_or_the_time_is_over(bench: Bench) -> None:
    topic = await bench.topic(2)
    first, second = places(topic)
    reader, loop = await bench.reader([first, second]), asyncio.get_running_loop()

    began = loop.time()
    assert await reader.getmany(timeout_ms=300) == {}
    assert loop.time() - began >= 0.29

    waiting = asyncio.create_task(reader.getmany(timeout_ms=10_000))
    await bench.publish(topic, b"a", partition=1)
    assert [record.value for record in (await waiting)[second]] == [b"a"]
    assert loop.time() - began < 5.0


@on_both
async def test_no_more_are_given_than_asked_for_and_of_no_other_partition(bench: Bench) -> None:
    topic = await bench.topic(2)
    first, second = places(topic)
    await bench.publish(topic, b"a", b"b", b"c", partition=0)
    await bench.publish(topic, b"x", partition=1)
    reader = await bench.reader([first, second])

    assert (await reader.getone(second)).value == b"x"
    got = await reader.getmany(first, timeout_ms=5000, max_records=2)
    assert [record.value for record in got[first]] == [b"a", b"b"]
    assert (await reader.getone()).value == b"c"
    assert (await reader.position(first), await reader.position(second)) == (3, 1)


@on_both
async def test_another_assignment_replaces_the_first(bench: Bench) -> None:
    topic = await bench.topic(2)
    first, second = places(topic)
    await bench.publish(topic, b"x", partition=1)
    reader = await bench.reader([first])

    reader.assign([second])

    assert reader.assignment() == {second}
    assert (await reader.getone()).value == b"x"
    with pytest.raises(IllegalStateError):
        await reader.position(first)


@on_both
async def test_the_first_record_at_or_after_a_time(bench: Bench) -> None:
    topic = await bench.topic(2)
    full, empty = places(topic)
    for value in (b"0", b"1"):
        await bench.publish(topic, value)
        await asyncio.sleep(0.05)
    first, second = await read(await bench.reader([full]), 2)
    reader = await bench.reader([])

    async def found(time_ms: int) -> tuple[int, int] | None:
        at = (await reader.offsets_for_times({full: time_ms}))[full]
        return None if at is None else (at.offset, at.timestamp)

    assert await found(0) == await found(first.timestamp) == (0, first.timestamp)
    assert await found(first.timestamp + 1) == (1, second.timestamp)
    assert await found(second.timestamp + 1) is None
    assert await reader.offsets_for_times({empty: 0}) == {empty: None}


@on_both
async def test_what_retention_dropped_is_passed_over_or_said_to_be_gone(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.publish(topic, b"0", b"1", b"2")
    [place] = places(topic)

    await bench.drop_before(place, 2)

    earliest, strict = await bench.reader([place]), await bench.reader([place], reset="none")
    assert await earliest.beginning_offsets([place]) == {place: 2}
    earliest.seek(place, 0)
    assert [record.offset for record in await read(earliest, 1)] == [2]
    strict.seek(place, 1)
    with pytest.raises(OffsetOutOfRangeError):
        await strict.getone(place)
    strict.seek(place, 2)
    assert (await strict.getone(place)).value == b"2"


@on_both
async def test_the_end_is_known_when_something_was_read(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.publish(topic, b"0", b"1", b"2")
    [place] = places(topic)
    reader = await bench.reader([place])

    await read(reader, 1)

    assert reader.highwater(place) == 3


@on_both
async def test_what_is_not_assigned_has_no_position_and_without_a_group_nothing_is_committed(bench: Bench) -> None:
    topic = await bench.topic()
    [place] = places(topic)
    reader = await bench.reader([place])
    assert await reader.position(place) == 0

    with pytest.raises(IllegalStateError):
        await reader.position(TopicPartition(topic.name, 7))
    with pytest.raises(IllegalStateError):
        reader.seek(TopicPartition(topic.name, 7), 0)
    with pytest.raises(IllegalOperation):
        await reader.commit({place: 0})
    with pytest.raises(IllegalOperation):
        await reader.committed(place)


@on_both
async def test_a_reader_that_has_stopped_reads_nothing_more(bench: Bench) -> None:
    topic = await bench.topic()
    await bench.publish(topic, b"0")
    reader = await bench.reader(places(topic))
    await read(reader, 1)

    await reader.stop()

    with pytest.raises(ConsumerStoppedError):
        await reader.getone()
    with pytest.raises(ConsumerStoppedError):
        await reader.getmany(timeout_ms=10)


@on_both
async def test_the_broker_tells_which_partitions_there_are(bench: Bench) -> None:
    one, three = await bench.topic(), await bench.topic(3)
    async with connected_admin(bench.broker) as admin:
        assert await partitions_of(admin, one.name, three.name) == [*places(one), *places(three)]
        with pytest.raises(UnknownTopicOrPartitionError):
            await partitions_of(admin, one.name, "no-such-topic")


@on_both
async def test_a_tail_hears_what_is_said_after_its_start_in_all_partitions(bench: Bench) -> None:
    topic = await bench.topic(2)
    await bench.publish(topic, b"old", partition=1)
    heard: list[bytes | None] = []
    tail = Tail(bench.broker, topic, lambda records: heard.extend(record.value for record in records))
    await tail.start()
    for partition in (0, 1):
        await bench.publish(topic, b"new", partition=partition)
    async with asyncio.timeout(20):
        while len(heard) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await tail.stop()
    assert heard == [b"new", b"new"]
