"""What must be on record is published until the broker has acked it, or until it is of no more use."""

import asyncio
from datetime import timedelta

import pytest
from aiokafka.errors import InvalidTopicError, KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from shared.errors import TallygateError, failure
from shared.events import ReplyFailed, utc_now
from shared.events.envelope import CE_ID, header
from shared.events.topics import MAX_EVENT_BYTES, REPLIES
from shared.kafka.local import Fault, LocalBroker, Operation, late, refused
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from tests.support.virtual_time import virtually
from tests.unit.shared.events.samples import reply_failed

TWO = (Outgoing(REPLIES, reply_failed()), Outgoing(REPLIES, reply_failed()))


def large_reply(chars: int) -> ReplyFailed:
    told = failure("server_error", "h:80").model_copy(update={"detail": "x" * chars})
    return reply_failed(error=told)


class Deaf:
    """Refuses the first so many records."""

    def __init__(self, refusals: int) -> None:
        self.asked = 0
        self._refusals = refusals

    def __call__(self, _: Operation) -> Fault | None:
        self.asked += 1
        return refused() if self.asked <= self._refusals else None


async def publisher_on(faults: Deaf) -> tuple[Publisher, LocalBroker]:
    broker = LocalBroker()
    broker.cluster.faults = faults
    publisher = Publisher(broker, "test")
    await publisher.start()
    return publisher, broker


@virtually
async def test_all_of_it_is_published_again_until_it_is_acked() -> None:
    publisher, broker = await publisher_on(Deaf(3))

    await publisher.publish_until_acked(*TWO)

    on_record = {header(record.headers, CE_ID) for record in broker.cluster.records(REPLIES.name)}
    assert on_record == {str(outgoing.event.event_id) for outgoing in TWO}


@virtually
async def test_when_its_time_is_over_the_refusal_is_told() -> None:
    deaf = Deaf(10)
    publisher, _ = await publisher_on(deaf)

    with pytest.raises(TallygateError, match="the broker did not acknowledge"):
        await publisher.publish_until_acked(*TWO, until=utc_now() - timedelta(seconds=1))

    assert deaf.asked == len(TWO)


@virtually
@pytest.mark.parametrize("error", [MessageSizeTooLargeError, RecordListTooLargeError, InvalidTopicError])
async def test_what_the_broker_will_never_take_is_told_at_once(error: type[KafkaError]) -> None:
    broker = LocalBroker()
    broker.cluster.faults = lambda _: refused(error())
    publisher = Publisher(broker, "test")
    await publisher.start()

    with pytest.raises(UnpublishableError):
        await publisher.publish_until_acked(TWO[0], Outgoing(REPLIES, large_reply(20_000)))

    assert publisher.failing_since is None  # the broker is well


@virtually
async def test_a_topic_that_has_no_room_for_small_events_is_waited_for_and_told() -> None:
    """So is a batch that is too large as a whole: nothing is wrong with any event in it."""
    broker, refusals = LocalBroker(), iter(range(3))
    broker.cluster.faults = lambda _: refused(MessageSizeTooLargeError()) if next(refusals, None) is not None else None
    publisher = Publisher(broker, "test")
    await publisher.start()

    with pytest.raises(TallygateError, match=r"raise max\.message\.bytes of the topic"):
        await publisher.publish(TWO[0])
    await publisher.publish_until_acked(*TWO)

    assert len(broker.cluster.records(REPLIES.name)) >= len(TWO)


@virtually
async def test_acks_are_late_while_one_is_waited_for_and_for_some_seconds_after_it() -> None:
    broker, seen = LocalBroker(), []
    publisher = Publisher(broker, "test")
    await publisher.start()
    await publisher.publish(TWO[0])
    seen.append(publisher.acks_are_late)

    broker.cluster.faults = lambda _: late(before_s=1.0, after_s=0.0)
    publishing = asyncio.create_task(publisher.publish(TWO[0]))
    for later_s in (0.2, 0.2, 5.0, 2.0):
        await asyncio.sleep(later_s)
        seen.append(publisher.acks_are_late)
    assert publishing.done()
    assert seen == [False, False, True, True, False]

    broker.cluster.faults = lambda _: refused()
    with pytest.raises(TallygateError):
        await publisher.publish(TWO[0])
    assert publisher.acks_are_late


@virtually
async def test_of_events_of_which_one_is_too_large_none_is_sent() -> None:
    publisher, broker = await publisher_on(Deaf(0))
    detail = "x" * MAX_EVENT_BYTES
    too_large = reply_failed(error=failure("server_error", "h:80").model_copy(update={"detail": detail}))

    with pytest.raises(UnpublishableError) as raised:
        await publisher.publish_until_acked(TWO[0], Outgoing(REPLIES, too_large))

    assert raised.value.failure.error_type == "payload_too_large"
    assert not broker.cluster.records(REPLIES.name)


@virtually
async def test_an_event_as_large_as_may_be_fits_its_topic() -> None:
    publisher, broker = await publisher_on(Deaf(0))
    empty = reply_failed(error=failure("server_error", "h:80").model_copy(update={"detail": ""}))
    detail = "x" * (MAX_EVENT_BYTES - len(empty.encoded()))
    largest = empty.model_copy(update={"error": empty.error.model_copy(update={"detail": detail})})

    await publisher.publish(Outgoing(REPLIES, largest, "00-" + "a" * 32 + "-" + "b" * 16 + "-01", 63))

    assert len(broker.cluster.records(REPLIES.name)) == 1


@virtually
async def test_a_partition_that_its_topic_does_not_have_is_told_at_once() -> None:
    publisher, _ = await publisher_on(Deaf(0))
    with pytest.raises(UnpublishableError, match="no partition 64"):
        await publisher.publish_until_acked(Outgoing(REPLIES, reply_failed(), None, 64))
