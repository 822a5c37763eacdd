"""How a group's records reach a handler: one by one or in batches, from what is committed, until it fails."""

import asyncio
from typing import Any

from tests.kafka.bench import Bench, Handling, new_name, on_both, places, until


@on_both
async def test_records_come_one_by_one_from_the_earliest(bench: Bench) -> None:
    topic, group = await bench.topic(), new_name("group")
    await bench.publish(topic, b"0", b"1")
    member = await bench.member(topic, group)
    await until(lambda: len(member.handling.given) == 2)

    await bench.publish(topic, b"2")

    await until(lambda: len(member.handling.given) == 3)
    assert [(record.offset, record.value) for record in member.handling.given] == [(0, b"0"), (1, b"1"), (2, b"2")]


@on_both
async def test_the_next_record_waits_for_the_handler(bench: Bench) -> None:
    topic, group, free = await bench.topic(), new_name("group"), asyncio.Event()
    begun: list[Any] = []

    async def handle(record: Any) -> None:
        begun.append(record)
        await free.wait()

    await bench.publish(topic, b"0", b"1")
    member = await bench.member(topic, group, Handling(handle))
    await until(lambda: len(begun) == 1)
    await asyncio.sleep(0.5)
    assert len(begun) == 1

    free.set()
    await until(lambda: member.handling.values == [b"0", b"1"])


@on_both
async def test_batches_are_sequences_of_at_most_so_many_in_the_order_of_their_partition(bench: Bench) -> None:
    topic, group = await bench.topic(2), new_name("group")
    values = [b"%d" % number for number in range(7)]
    for partition in (0, 1):
        await bench.publish(topic, *values, partition=partition)
    member = await bench.member(topic, group, batch=5)

    await until(lambda: len(member.handling.values) == 14)
    assert {type(batch) for batch in member.handling.given} == {tuple}
    assert max(map(len, member.handling.given)) <= 5
    for partition in (0, 1):
        given = [record for batch in member.handling.given for record in batch if record.partition == partition]
        assert [record.value for record in given] == values


@on_both
async def test_the_next_member_goes_on_after_what_is_committed(bench: Bench) -> None:
    topic, group = await bench.topic(), new_name("group")
    [place] = places(topic)
    await bench.publish(topic, b"0", b"1", b"2")
    first = await bench.member(topic, group)
    await until(lambda: len(first.handling.given) == 3)
    await first.consumer.commit({place: 2})
    await first.stop()

    second = await bench.member(topic, group)

    await until(lambda: second.handling.values == [b"2"])


@on_both
async def test_after_a_failure_the_process_is_asked_to_stop_and_nothing_more_is_handled(bench: Bench) -> None:
    topic, group, begun = await bench.topic(), new_name("group"), []

    async def fail(record: Any) -> None:
        begun.append(record.value)
        raise ValueError("a defect")

    await bench.publish(topic, b"0", b"1")
    member = await bench.member(topic, group, Handling(fail))
    await until(lambda: bench.stops == 1)
    await bench.publish(topic, b"2")
    await asyncio.sleep(0.5)

    assert (begun, bench.stops) == ([b"0"], 1)
    assert await member.consumer.committed(places(topic)[0]) is None


@on_both
async def test_a_handler_in_hand_is_waited_for_before_the_group_is_left(bench: Bench) -> None:
    topic, group, begun = await bench.topic(), new_name("group"), asyncio.Event()

    async def handle(_: Any) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        await member.consumer.commit(dict.fromkeys(places(topic), 1))

    await bench.publish(topic, b"0", b"1")
    member = await bench.member(topic, group, Handling(handle), graceful_timeout_s=5.0)
    await begun.wait()
    await member.stop()

    assert member.handling.values == [b"0"]
    reader = await bench.reader(places(topic), group=group)
    assert await reader.committed(places(topic)[0]) == 1


@on_both
async def test_a_handler_that_takes_longer_is_ended(bench: Bench) -> None:
    topic, group, begun, ended = await bench.topic(), new_name("group"), asyncio.Event(), asyncio.Event()

    async def handle(_: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    await bench.publish(topic, b"0")
    member = await bench.member(topic, group, Handling(handle), graceful_timeout_s=0.3)
    await begun.wait()
    await member.stop()
    await until(ended.is_set)

    assert (member.handling.given, bench.stops) == ([], 0)
