"""Groups: shares of partitions, committed offsets, and the fence against members that the group has left behind."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import pytest

from shared.kafka import CommitFailedError, ConsumerRebalanceListener, IllegalStateError, TopicPartition
from shared.kafka.admin import connected_admin
from tests.kafka.bench import Bench, new_name, on_both, places, until

_HEARTBEAT_S = 3.0  # within this time a member hears of a rebalance
_SESSION_S = 10.0


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Keeps what it hears. `on_revoked` is called first, and may wait."""

    def __init__(self, on_revoked: Callable[[], Coroutine[Any, Any, None]] | None = None) -> None:
        self.heard: list[tuple[str, set[int]]] = []
        self._on_revoked = on_revoked

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        partitions = {place.partition for place in revoked}
        if self._on_revoked is not None and partitions:
            await self._on_revoked()
        self.heard.append(("revoked", partitions))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self.heard.append(("assigned", {place.partition for place in assigned}))


@on_both
async def test_what_is_committed_is_known_to_the_group_and_to_others(bench: Bench) -> None:
    topic, group = await bench.topic(2), new_name("group")
    first, second = places(topic)
    reader = await bench.reader([first, second], group=group)
    assert await reader.committed(first) is None

    await reader.commit({first: 5})

    assert (await reader.committed(first), await reader.committed(second)) == (5, None)
    async with connected_admin(bench.broker) as admin:
        assert await admin.committed(group, [first, second]) == {first: 5, second: None}
        assert await admin.committed(new_name("group"), [first]) == {first: None}


@on_both
async def test_only_its_members_commit_for_a_group_that_has_some(bench: Bench) -> None:
    topic, group = await bench.topic(), new_name("group")
    await bench.member(topic, group)
    stranger = await bench.reader(places(topic), group=group)

    with pytest.raises(CommitFailedError):
        await stranger.commit(dict.fromkeys(places(topic), 5))


@on_both
async def test_a_reader_of_a_group_begins_where_the_group_stands(bench: Bench) -> None:
    topic, group = await bench.topic(), new_name("group")
    await bench.publish(topic, b"0", b"1", b"2")
    [place] = places(topic)
    await (await bench.reader([place], group=group)).commit({place: 2})

    reader = await bench.reader([place], group=group)

    assert await reader.position(place) == 2
    assert (await reader.getone()).value == b"2"


@on_both
async def test_members_share_the_partitions(bench: Bench) -> None:
    topic, group = await bench.topic(4), new_name("group")
    listener = Listener()
    first = await bench.member(topic, group, listener=listener)
    assert first.partitions == {0, 1, 2, 3}

    second = await bench.member(topic, group)

    await until(lambda: len(first.partitions) == len(second.partitions) == 2)
    assert first.partitions | second.partitions == {0, 1, 2, 3}
    await until(lambda: len(listener.heard) == 4)
    assert listener.heard == [
        ("revoked", set()), ("assigned", {0, 1, 2, 3}), ("revoked", {0, 1, 2, 3}), ("assigned", first.partitions),
    ]  # fmt: skip


@on_both
async def test_more_members_than_partitions(bench: Bench) -> None:
    topic, group = await bench.topic(1), new_name("group")
    first, second = await bench.member(topic, group), await bench.member(topic, group)

    await until(lambda: len(first.partitions) + len(second.partitions) == 1)


@on_both
async def test_a_rebalance_sends_positions_back_to_what_is_committed(bench: Bench) -> None:
    topic, group = await bench.topic(1), new_name("group")
    await bench.publish(topic, b"0", b"1", b"2")
    [place] = places(topic)
    first = await bench.member(topic, group)
    await until(lambda: len(first.handling.given) == 3)
    await first.consumer.commit({place: 1})
    assert await first.consumer.position(place) == 3

    second = await bench.member(topic, group)

    await until(lambda: len(first.handling.given) + len(second.handling.given) == 5)
    assert (first.handling.values + second.handling.values)[3:] == [b"1", b"2"]


@on_both
async def test_a_partition_that_went_to_another_member_cannot_be_committed(bench: Bench) -> None:
    topic, group = await bench.topic(2), new_name("group")
    first, second = await bench.member(topic, group), await bench.member(topic, group)
    await until(lambda: len(first.partitions) == len(second.partitions) == 1)
    [lost] = second.consumer.assignment()

    with pytest.raises(IllegalStateError):
        await first.consumer.commit({lost: 1})
    with pytest.raises(IllegalStateError):
        await first.consumer.position(lost)
    await second.consumer.commit({lost: 1})


@on_both
async def test_a_member_may_commit_while_it_gives_up_its_partitions(bench: Bench) -> None:
    topic, group = await bench.topic(1), new_name("group")
    await bench.publish(topic, b"0", b"1", b"2")
    [place] = places(topic)

    async def commit() -> None:
        await first.consumer.commit({place: 2})

    first = await bench.member(topic, group, listener=Listener(commit))
    await until(lambda: len(first.handling.given) == 3)
    second = await bench.member(topic, group)

    await until(lambda: len(first.handling.given) + len(second.handling.given) == 4)
    assert (first.handling.values + second.handling.values)[3:] == [b"2"]


@on_both
async def test_a_member_that_is_too_slow_to_give_up_its_partitions_is_fenced(bench: Bench) -> None:
    topic, group = await bench.topic(1), new_name("group")
    [place] = places(topic)
    free = asyncio.Event()
    slow = await bench.member(topic, group, listener=Listener(lambda: _wait(free)))
    other = await bench.member(topic, group)
    assert other.partitions == {0}
    assert slow.partitions == {0}  # it does not know yet

    with pytest.raises(CommitFailedError):
        await slow.consumer.commit({place: 1})

    await other.consumer.commit({place: 3})
    assert await other.consumer.committed(place) == 3
    free.set()
    await until(lambda: len(slow.partitions) + len(other.partitions) == 1)  # it has joined again
    async with connected_admin(bench.broker) as admin:
        assert await admin.committed(group, [place]) == {place: 3}


@on_both
async def test_a_killed_member_holds_its_partitions_until_its_session_ends(bench: Bench) -> None:
    topic, group = await bench.topic(2), new_name("group")
    kill = await bench.doomed_member(topic, group)
    survivor = await bench.member(topic, group)
    await until(lambda: len(survivor.partitions) == 1)

    kill()
    await asyncio.sleep(_SESSION_S - _HEARTBEAT_S - 1)
    assert len(survivor.partitions) == 1

    await until(lambda: survivor.partitions == {0, 1}, within_s=30.0)


@on_both
async def test_a_member_that_leaves_gives_its_partitions_away_at_once(bench: Bench) -> None:
    topic, group = await bench.topic(2), new_name("group")
    first, second = await bench.member(topic, group), await bench.member(topic, group)
    await until(lambda: len(first.partitions) == len(second.partitions) == 1)

    await first.stop()

    await until(lambda: second.partitions == {0, 1}, within_s=_SESSION_S - _HEARTBEAT_S)


@on_both
async def test_what_a_listener_raises_changes_nothing(bench: Bench) -> None:
    async def fail() -> None:
        raise ValueError("a defect")

    topic, group = await bench.topic(2), new_name("group")
    first = await bench.member(topic, group, listener=Listener(fail))
    second = await bench.member(topic, group)

    await until(lambda: len(first.partitions) == len(second.partitions) == 1)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
