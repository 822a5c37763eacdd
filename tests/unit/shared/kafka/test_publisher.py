"""What must be on record is published until the broker has acked it, or until it is of no more use."""

from datetime import timedelta

import pytest

from shared.errors import TallygateError
from shared.events import utc_now
from shared.events.envelope import CE_ID, header
from shared.events.topics import REPLIES
from shared.kafka.local import Fault, LocalBroker, Operation, refused
from shared.kafka.publisher import Outgoing, Publisher
from tests.support.virtual_time import virtually
from tests.unit.shared.events.samples import reply_failed

TWO = (Outgoing(REPLIES, reply_failed()), Outgoing(REPLIES, reply_failed()))


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
