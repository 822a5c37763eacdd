"""Records that were fetched before partitions were revoked are not handed over after it."""

from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from shared.events.topics import BULK_REQUESTS
from shared.kafka.settings import KafkaSettings
from shared.kafka.subscriber import GroupSubscription

PLACE = TopicPartition(BULK_REQUESTS.name, 0)


class _Group:
    """Stands for the client, which has three more records, and for the group, which gives partitions anew at `when`."""

    def __init__(self, when: str) -> None:
        self._when = when
        self.handled: list[str] = []
        settings = KafkaSettings.model_construct(bootstrap_servers="nowhere:9092")
        self.reading = GroupSubscription(
            settings, (BULK_REQUESTS,), "group", cast("Any", self.handle), lambda: None, 1.0, None, None, 0.0
        )
        self.reading._subscriber.consumer = cast("Any", self)

    async def getmany(self, max_records: int) -> dict[TopicPartition, list[str]]:  # noqa: ARG002
        await self._at("fetching more")
        return {PLACE: ["second", "third", "fourth"]}

    async def handle(self, record: str) -> None:
        self.handled.append(record)
        await self._at(record)

    async def _at(self, moment: str) -> None:
        if moment == self._when:
            await self.reading._revocations.on_partitions_revoked({PLACE})


@pytest.mark.parametrize(
    ("when", "handled"),
    [
        ("never", ["first", "second", "third", "fourth"]),
        ("second", ["first", "second"]),
        ("fetching more", ["second", "third", "fourth"]),
    ],
)
async def test_what_was_fetched_before_is_left_to_whoever_has_its_partition(when: str, handled: list[str]) -> None:
    group = _Group(when)
    await group.reading._one_by_one(cast("ConsumerRecord", "first"))
    assert group.handled == handled
