"""What must be on record is published until the broker has acked it, or until it is of no more use."""

from datetime import timedelta

import pytest

from shared.errors import TallygateError
from shared.events import utc_now
from shared.events.topics import REPLIES
from shared.kafka.publisher import Outgoing, Publisher
from tests.unit.shared.events.samples import reply_failed

TWO = (Outgoing(REPLIES, reply_failed()), Outgoing(REPLIES, reply_failed()))


class Deaf(Publisher):
    """Acks nothing until it was asked `refusals` times."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.asked: list[tuple[Outgoing, ...]] = []

    async def publish(self, *outgoing: Outgoing) -> None:
        self.asked.append(outgoing)
        if len(self.asked) <= self.refusals:
            raise TallygateError("unavailable", "no ack")


async def test_all_of_it_is_published_again_until_it_is_acked() -> None:
    publisher = Deaf(1)
    await publisher.publish_until_acked(*TWO)
    assert publisher.asked == [TWO, TWO]


async def test_when_its_time_is_over_the_refusal_is_told() -> None:
    publisher = Deaf(10)
    with pytest.raises(TallygateError, match="unavailable"):
        await publisher.publish_until_acked(*TWO, until=utc_now() - timedelta(seconds=1))
    assert len(publisher.asked) == 1
