"""More partitions than we make are all served, and what cannot be served is refused by the check."""

import asyncio
from dataclasses import replace

import pytest
from prometheus_client import REGISTRY

from services.gateway.inference.queue_age import QueueAge
from services.monitor.recovery.offsets import Offsets
from shared.errors import ConfigurationError
from shared.events import Event, RouterHeartbeat, utc_now
from shared.events.topics import ATTEMPTS, BULK_REQUESTS, HEARTBEATS, OUTCOMES, REPLIES, REQUESTS, Topic, wanted_topics
from shared.kafka import TopicPartition
from shared.kafka.admin import check_topics, require_topics
from shared.kafka.dead_letters.box import count_since
from shared.kafka.follow import Follower
from shared.kafka.local import LocalBroker, LocalCluster
from shared.telemetry.names import METRIC_QUEUE_AGE_SECONDS, METRIC_QUEUE_LENGTH
from tests.support.virtual_time import virtually


def broker_with(**partitions: int) -> LocalBroker:
    """By topic, how many; the others have as many as we make."""
    wanted = [replace(topic, partitions=partitions.get(topic.name, topic.partitions)) for topic in wanted_topics()]
    return LocalBroker(LocalCluster(wanted))


def beat(router: str) -> bytes:
    return RouterHeartbeat(router_id=router, started_at=utc_now(), beat_at=utc_now()).encoded()


async def say(broker: LocalBroker, topic: Topic | str, partition: int, body: bytes = b"x") -> None:
    name = topic if isinstance(topic, str) else topic.name
    await (await broker.producer().send(name, body, None, partition))


def commit(broker: LocalBroker, group: str, topic: Topic, partition: int, offset: int) -> None:
    broker.cluster.group(group).offsets[TopicPartition(topic.name, partition)] = offset


@virtually
async def test_recovery_sees_the_claims_of_every_partition() -> None:
    broker = broker_with(**{REQUESTS.name: 12})
    commit(broker, "router", REQUESTS, 11, 7)
    commit(broker, "router-bulk", BULK_REQUESTS, 3, 5)
    offsets = Offsets(broker, "router", "monitor")
    await offsets.start()

    committed = await offsets.of_routers()

    assert set(committed) == {*range(12), *range(50_000, 50_000 + BULK_REQUESTS.partitions)}
    assert (committed[11], committed[50_003]) == (7, 5)
    await offsets.stop()


@pytest.mark.parametrize("topic", [ATTEMPTS, OUTCOMES], ids=lambda topic: topic.name)
def test_what_is_not_booked_is_seen_in_every_partition(topic: Topic) -> None:
    @virtually
    async def not_booked() -> None:
        broker = broker_with(**{topic.name: topic.partitions + 3})
        await say(broker, topic, topic.partitions + 2)
        offsets = Offsets(broker, "router", "monitor")
        await offsets.start()
        assert not await offsets.booked_to_the_end()
        commit(broker, "monitor", topic, topic.partitions + 2, 1)
        assert await offsets.booked_to_the_end()
        await offsets.stop()

    not_booked()


@virtually
async def test_a_follower_reads_every_partition_also_those_that_are_added_later() -> None:
    broker, heard = broker_with(**{HEARTBEATS.name: 3}), list[Event]()
    await say(broker, HEARTBEATS, 2, beat("r1"))
    follower = Follower(broker, {HEARTBEATS: heard.append})
    await follower.start()
    assert len(heard) == 1

    broker.cluster.extend(HEARTBEATS.name, 5)
    await say(broker, HEARTBEATS, 4, beat("r2"))
    await say(broker, HEARTBEATS, 2, beat("r3"))

    assert await follower.caught_up()
    assert sorted(event.subject for event in heard) == ["r1", "r2", "r3"]
    await follower.stop()


@virtually
async def test_the_age_of_the_queue_is_that_of_all_partitions() -> None:
    broker = broker_with(**{REQUESTS.name: 12})
    age = QueueAge(broker, "router")
    await age.start()
    await asyncio.sleep(3.0)
    assert age.seconds == 0.0

    await say(broker, REQUESTS, 11)
    await asyncio.sleep(3.0)

    assert age.seconds is not None
    assert age.seconds > 0.0
    await age.stop()


@virtually
async def test_a_queue_of_bulk_is_told_by_itself_and_refuses_nobody() -> None:
    broker = broker_with()
    age = QueueAge(broker, "router")
    await age.start()
    await asyncio.sleep(3.0)
    for partition in range(3):
        await say(broker, BULK_REQUESTS, partition)
    await asyncio.sleep(3.0)

    assert age.by_topic[REQUESTS.name] == age.seconds == 0.0
    assert (age.by_topic[BULK_REQUESTS.name] or 0.0) > 0.0
    assert REGISTRY.get_sample_value(METRIC_QUEUE_LENGTH, {"topic": BULK_REQUESTS.name}) == 3.0
    assert (REGISTRY.get_sample_value(METRIC_QUEUE_AGE_SECONDS, {"topic": BULK_REQUESTS.name}) or 0.0) > 0.0
    await age.stop()


@virtually
async def test_dead_letters_are_counted_in_every_partition() -> None:
    broker = broker_with(**{REQUESTS.dlq: 3})
    await say(broker, REQUESTS.dlq, 2)
    assert await count_since(broker, REQUESTS.dlq, 0.0) == 1


@pytest.mark.parametrize(
    ("topic", "count", "refused"),
    [(REQUESTS, 8, False), (REQUESTS, 12, False), (REQUESTS, 7, True), (REPLIES, 64, False), (REPLIES, 63, True),
     (REPLIES, 65, True)],
    ids=lambda value: value.name if isinstance(value, Topic) else str(value),
)  # fmt: skip
def test_the_check_refuses_what_cannot_be_served(topic: Topic, count: int, refused: bool) -> None:
    @virtually
    async def checked() -> None:
        problems = await check_topics(broker_with(**{topic.name: count}))
        assert [topic.name in problem for problem in problems] == [True] * refused

    checked()


@virtually
async def test_a_service_that_starts_names_the_topics_that_it_lacks() -> None:
    """Those of others are no matter of its own, and it may have no right to see them."""
    broker = LocalBroker(LocalCluster([wanted for wanted in wanted_topics() if wanted.name.startswith("feature.")]))
    with pytest.raises(ConfigurationError) as raised:
        await require_topics(broker, "features")
    told = raised.value.failure.detail
    assert told.endswith("run: tallygate topics apply")
    assert "inference.requests.v1" in told
    assert "inference.attempts.v1" not in told
    assert "feature.requests.v1" not in told
    await require_topics(LocalBroker(), "features")
