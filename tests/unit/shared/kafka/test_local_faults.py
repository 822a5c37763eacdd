"""What can be made to go wrong on the broker in memory, and what its clients then see."""

import asyncio
import math

import pytest
from aiokafka.errors import KafkaConnectionError, RequestTimedOutError, UnknownMemberIdError

from shared.errors import TallygateError
from shared.events import Event
from shared.events.topics import HEARTBEATS, OUTCOMES, REQUESTS
from shared.kafka import CommitFailedError, ConsumerRecord, TopicPartition
from shared.kafka.follow import Follower
from shared.kafka.local import (
    Ask,
    Commit,
    Fault,
    Faults,
    Fetch,
    LocalBroker,
    LocalCluster,
    Operation,
    Produce,
    late,
    lost,
    refused,
)
from shared.kafka.publisher import Outgoing, Publisher
from tests.support.virtual_time import virtually
from tests.unit.shared.events.samples import settled

PLACE = TopicPartition(REQUESTS.name, 0)


def first(kind: type[Operation], fault: Fault) -> Faults:
    """The first operation of that kind goes wrong."""
    left = [fault]
    return lambda operation: left.pop() if left and isinstance(operation, kind) else None


class Member:
    """A process with one member of a group, which keeps what it is given."""

    def __init__(self, cluster: LocalCluster, name: str) -> None:
        self.broker = LocalBroker(cluster, name)
        self.given: list[bytes] = []
        self._subscription = self.broker.subscribe((REQUESTS,), "group", self._take, graceful_timeout_s=1.0)

    async def start(self) -> "Member":
        self.consumer = await self._subscription.start()
        return self

    async def _take(self, record: ConsumerRecord) -> None:
        self.given.append(record.value)


async def append(cluster: LocalCluster, *values: bytes) -> None:
    producer = LocalBroker(cluster, "caller").producer()
    for value in values:
        await (await producer.send(REQUESTS.name, value, None, 0))


def values(cluster: LocalCluster) -> list[bytes]:
    return [record.value for record in cluster.records(REQUESTS.name)]


@virtually
async def test_a_refused_record_is_not_there_and_a_lost_ack_is_of_one_that_is() -> None:
    cluster = LocalCluster()
    producer = LocalBroker(cluster).producer()

    cluster.faults = first(Produce, refused(KafkaConnectionError()))
    with pytest.raises(KafkaConnectionError):
        await (await producer.send(REQUESTS.name, b"refused", None, 0))
    cluster.faults = first(Produce, lost())
    with pytest.raises(RequestTimedOutError):
        await (await producer.send(REQUESTS.name, b"lost", None, 0))

    assert values(cluster) == [b"lost"]


@virtually
async def test_a_publisher_gives_up_on_an_ack_that_never_comes() -> None:
    cluster = LocalCluster(faults=lambda _: late())
    publisher = Publisher(LocalBroker(cluster), "test")
    await publisher.start()

    with pytest.raises(TallygateError, match="TimeoutError"):
        await publisher.publish(Outgoing(OUTCOMES, settled()))

    assert asyncio.get_running_loop().time() == publisher.broker.settings.publish_timeout_s
    assert len(cluster.records(OUTCOMES.name)) == 1


@virtually
async def test_a_record_that_is_late_is_not_overtaken_on_its_partition() -> None:
    cluster = LocalCluster(faults=first(Produce, late(before_s=5.0, after_s=0.0)))
    producer = LocalBroker(cluster).producer()

    acks = [await producer.send(REQUESTS.name, value, None, 0) for value in (b"late", b"next")]
    await (await producer.send(REQUESTS.name, b"elsewhere", None, 1))
    assert values(cluster) == [b"elsewhere"]
    await asyncio.gather(*acks)

    assert values(cluster) == [b"late", b"next", b"elsewhere"]


@virtually
async def test_a_commit_whose_answer_is_lost_is_sent_again() -> None:
    cluster = LocalCluster(faults=first(Commit, lost()))
    member = await Member(cluster, "a").start()

    await member.consumer.commit({PLACE: 3})

    assert cluster.group("group").offsets == {PLACE: 3}


@virtually
async def test_a_commit_may_be_fenced_though_it_was_applied() -> None:
    cluster = LocalCluster(faults=first(Commit, Fault(error=RequestTimedOutError(), after_s=1.0)))
    member = await Member(cluster, "a").start()

    committing = asyncio.create_task(member.consumer.commit({PLACE: 3}))
    await asyncio.sleep(0.5)
    member.broker.expel()
    await Member(cluster, "b").start()

    with pytest.raises(CommitFailedError):
        await committing
    assert cluster.group("group").offsets == {PLACE: 3}


@virtually
async def test_a_member_that_is_told_that_it_is_none_joins_again() -> None:
    cluster = LocalCluster(faults=first(Commit, refused(UnknownMemberIdError())))
    await append(cluster, b"0")
    member = await Member(cluster, "a").start()

    with pytest.raises(CommitFailedError):
        await member.consumer.commit({PLACE: 1})
    await asyncio.sleep(20.0)

    await member.consumer.commit({PLACE: 1})
    assert member.given == [b"0", b"0"]


@virtually
async def test_a_fetch_that_fails_is_made_again() -> None:
    cluster = LocalCluster(faults=first(Fetch, lost(KafkaConnectionError())))
    await append(cluster, b"0")
    member = await Member(cluster, "a").start()

    await asyncio.sleep(1.0)
    assert member.given == []
    await asyncio.sleep(5.0)
    assert member.given == [b"0"]


@virtually
async def test_a_record_may_be_handed_over_when_a_rebalance_has_sent_the_position_back() -> None:
    cluster = LocalCluster(faults=first(Fetch, late(after_s=5.0)))
    await append(cluster, b"0")
    member = await Member(cluster, "a").start()
    await asyncio.sleep(1.0)
    assert await member.consumer.position(PLACE) == 1

    other = await Member(cluster, "b").start()
    await asyncio.sleep(10.0)

    assert (member.given, other.given) == ([b"0", b"0"], [])


@virtually
async def test_a_question_that_fails_leaves_a_follower_in_doubt() -> None:
    cluster = LocalCluster()
    heard: list[Event] = []
    follower = Follower(LocalBroker(cluster), {HEARTBEATS: heard.append})
    await follower.start()
    assert await follower.caught_up()

    cluster.faults = first(Ask, refused())
    assert not await follower.caught_up()
    cluster.faults = first(Ask, late())
    assert not await follower.caught_up()
    await follower.stop()


@virtually
async def test_what_a_killed_process_had_sent_may_arrive_and_nothing_else_does() -> None:
    cluster = LocalCluster(faults=lambda _: Fault(before_s=1.0, after_s=1.0))
    broker = LocalBroker(cluster)
    producer = broker.producer()
    arrived = await producer.send(REQUESTS.name, b"arrived", None, 0)
    await asyncio.sleep(0.5)
    not_yet = await producer.send(REQUESTS.name, b"not yet", None, 1)
    await asyncio.sleep(1.0)

    broker.kill()
    after = await producer.send(REQUESTS.name, b"after", None, 2)
    asked = asyncio.create_task(broker.consumer().end_offsets([PLACE]))
    await asyncio.sleep(3600.0)

    assert values(cluster) == [b"arrived"]
    assert not any(future.done() for future in (arrived, not_yet, after, asked))


@virtually
async def test_a_killed_member_is_given_nothing_and_others_come_after_its_session() -> None:
    cluster = LocalCluster()
    dead = await Member(cluster, "dead").start()
    dead.broker.kill()
    await append(cluster, b"0")
    joined_at = asyncio.get_running_loop().time()

    other = await Member(cluster, "other").start()  # the group waits for the dead one as long as for a slow one
    await asyncio.sleep(0.1)

    assert asyncio.get_running_loop().time() - joined_at > 5.0
    assert (dead.given, other.given) == ([], [b"0"])


@virtually
async def test_a_member_that_is_expelled_lives_on_until_it_hears_of_it() -> None:
    cluster = LocalCluster()
    await append(cluster, b"0")
    zombie = await Member(cluster, "zombie").start()
    await asyncio.sleep(1.0)

    zombie.broker.expel()
    other = await Member(cluster, "other").start()
    await asyncio.sleep(0.1)
    assert (zombie.given, other.given) == ([b"0"], [b"0"])
    assert PLACE in zombie.consumer.assignment()
    with pytest.raises(CommitFailedError):
        await zombie.consumer.commit({PLACE: 1})

    await asyncio.sleep(30.0)
    assert len(zombie.consumer.assignment()) == len(other.consumer.assignment()) == REQUESTS.partitions / 2


@virtually
async def test_a_member_that_stood_still_goes_on_as_long_as_its_session_has_not_ended() -> None:
    cluster = LocalCluster()
    member = await Member(cluster, "member").start()
    for still_s, is_ours in ((5.0, True), (15.0, False)):
        member.broker.freeze()
        await asyncio.sleep(still_s)
        member.broker.thaw()
        await append(cluster, b"0")
        if is_ours:
            await member.consumer.commit({PLACE: 1})
        else:
            with pytest.raises(CommitFailedError):
                await member.consumer.commit({PLACE: 1})
    await asyncio.sleep(10.0)
    assert PLACE in member.consumer.assignment()


@virtually
async def test_who_is_taken_for_dead_while_it_joins_joins_again() -> None:
    cluster = LocalCluster()
    member = await Member(cluster, "member").start()
    other = LocalBroker(cluster, "other")
    joining = asyncio.create_task(other.subscribe((REQUESTS,), "group", member._take, graceful_timeout_s=1.0).start())
    await asyncio.sleep(0.1)
    member.broker.freeze()
    other.freeze()
    await asyncio.sleep(20.0)
    member.broker.thaw()
    other.thaw()
    await asyncio.sleep(20.0)
    assert len((await joining).assignment()) == len(member.consumer.assignment()) == REQUESTS.partitions / 2


@virtually
async def test_what_is_older_than_its_topic_keeps_is_dropped() -> None:
    kept_s = REQUESTS.retention_ms / 1000
    clock = iter((0.0, 60.0, kept_s + 30.0))
    cluster = LocalCluster(now=lambda: next(clock))
    await append(cluster, b"old", b"new")

    cluster.retain()

    assert values(cluster) == [b"new"]
    assert cluster.log(PLACE).begin == 1


@virtually
async def test_the_hook_is_told_who_asks_for_what() -> None:
    asked: list[Operation] = []

    def note(operation: Operation) -> None:
        asked.append(operation)

    cluster = LocalCluster(faults=note)
    await append(cluster, b"0")
    member = await Member(cluster, "a").start()
    await asyncio.sleep(1.0)
    await member.consumer.commit({PLACE: 1})
    await member.consumer.committed(PLACE)

    produce, fetch, commit, ask = asked
    assert produce == Produce("caller", PLACE, None, b"0")
    assert isinstance(fetch, Fetch)
    assert (fetch.process, fetch.group, set(fetch.partitions)) == ("a", "group", member.consumer.assignment())
    assert commit == Commit("a", "group", {PLACE: 1})
    assert ask == Ask("a", "committed")


@virtually
async def test_a_history_is_the_same_each_time() -> None:
    assert await _history() == await _history()


async def _history() -> list[tuple[float, list[bytes], list[bytes]]]:
    cluster = LocalCluster(faults=lambda operation: Fault(before_s=0.1) if isinstance(operation, Fetch) else None)
    began = asyncio.get_running_loop().time()
    one, other = await Member(cluster, "one").start(), Member(cluster, "other")
    starting = asyncio.create_task(other.start())
    seen = []
    for number in range(20):
        await append(cluster, b"%d" % number)
        await asyncio.sleep(0.7)
        seen.append((round(asyncio.get_running_loop().time() - began, 6), list(one.given), list(other.given)))
    await starting
    assert not math.isinf(seen[-1][0])
    return seen
