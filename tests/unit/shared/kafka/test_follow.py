"""Topics that are followed from their beginning, and the one that is read from now on."""

import asyncio

from aiokafka.errors import KafkaConnectionError

from shared.events import Event, RouterHeartbeat, utc_now
from shared.events.topics import HEARTBEATS, REPLIES
from shared.kafka import ConsumerRecord
from shared.kafka.follow import Follower
from shared.kafka.local import Fetch, LocalBroker, refused
from shared.kafka.publisher import Outgoing, Publisher
from shared.kafka.replies import ReplyReader
from tests.support.virtual_time import virtually


async def say(broker: LocalBroker, *routers: str) -> None:
    publisher = Publisher(broker, "test")
    await publisher.start()
    for router in routers:
        beat = RouterHeartbeat(router_id=router, started_at=utc_now(), beat_at=utc_now(), in_flight=0)
        await publisher.publish(Outgoing(HEARTBEATS, beat))


def routers(heard: list[Event]) -> list[str]:
    return [event.router_id for event in heard if isinstance(event, RouterHeartbeat)]


@virtually
async def test_what_was_said_is_known_when_a_follower_has_started_and_what_is_said_later_is_heard() -> None:
    broker, heard = LocalBroker(), list[Event]()
    await say(broker, "r1", "r2")
    follower = Follower(broker, {HEARTBEATS: heard.append})

    await follower.start()
    assert routers(heard) == ["r1", "r2"]

    await say(broker, "r3")
    assert await follower.caught_up()
    assert routers(heard) == ["r1", "r2", "r3"]
    await follower.stop()


@virtually
async def test_a_follower_passes_over_what_it_cannot_read() -> None:
    broker, heard = LocalBroker(), list[Event]()
    await (await broker.producer().send(HEARTBEATS.name, b"garbage"))
    await say(broker, "r1")
    follower = Follower(broker, {HEARTBEATS: heard.append})

    await follower.start()

    assert routers(heard) == ["r1"]
    await follower.stop()


@virtually
async def test_a_follower_goes_on_after_a_failure() -> None:
    broker, heard = LocalBroker(), list[Event]()
    follower = Follower(broker, {HEARTBEATS: heard.append})
    await follower.start()
    broker.cluster.faults = lambda asked: refused(KafkaConnectionError()) if isinstance(asked, Fetch) else None
    await say(broker, "r1")
    await asyncio.sleep(60.0)
    assert heard == []

    broker.cluster.faults = lambda _: None
    assert await follower.caught_up()
    assert routers(heard) == ["r1"]
    await follower.stop()


@virtually
async def test_replies_are_heard_from_the_moment_that_the_reader_has_started() -> None:
    broker, heard = LocalBroker(), list[ConsumerRecord]()
    producer = broker.producer()
    await (await producer.send(REPLIES.name, b"before", None, 7))
    reader = ReplyReader(broker, 7, heard.append)

    await reader.start()
    await (await producer.send(REPLIES.name, b"after", None, 7))
    await (await producer.send(REPLIES.name, b"elsewhere", None, 8))
    await asyncio.sleep(1.0)

    assert [record.value for record in heard] == [b"after"]
    assert reader.running
    await reader.stop()


@virtually
async def test_an_event_at_which_its_hearer_fails_keeps_no_other_from_being_heard() -> None:
    broker, heard = LocalBroker(), list[Event]()

    def hear(event: Event) -> None:
        if isinstance(event, RouterHeartbeat) and event.router_id == "bad":
            raise OverflowError
        heard.append(event)

    follower = Follower(broker, {HEARTBEATS: hear})
    await say(broker, "bad")
    await follower.start()
    await say(broker, "bad", "r1")

    assert await follower.caught_up()
    assert routers(heard) == ["r1"]
    await follower.stop()


@virtually
async def test_a_reply_at_which_its_hearer_fails_does_not_end_the_reading() -> None:
    broker, heard = LocalBroker(), list[ConsumerRecord]()

    def hear(record: ConsumerRecord) -> None:
        if record.value == b"bad":
            raise OverflowError
        heard.append(record)

    reader = ReplyReader(broker, 7, hear)
    await reader.start()
    for value in (b"bad", b"good"):
        await (await broker.producer().send(REPLIES.name, value, None, 7))
    await asyncio.sleep(2.0)

    assert [record.value for record in heard] == [b"good"]
    await reader.stop()
