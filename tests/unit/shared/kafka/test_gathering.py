"""After a batch that is not full, nothing is fetched for a while: what comes meanwhile is one batch."""

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from shared.events.topics import OUTCOMES
from shared.kafka.settings import KafkaSettings
from shared.kafka.subscriber import GroupSubscription
from tests.support.virtual_time import virtually

PLACE = TopicPartition("t", 0)


class Member:
    """Stands for the client; has so many records, and notes when it was paused and resumed."""

    def __init__(self, here: int) -> None:
        self.here = here
        self.paused_at: list[float] = []
        self.resumed_at: list[float] = []

    async def getmany(self, max_records: int) -> dict[TopicPartition, list[str]]:
        return {PLACE: ["r"] * min(max_records, self.here)}

    def assignment(self) -> set[TopicPartition]:
        return {PLACE}

    def pause(self, *_: TopicPartition) -> None:
        self.paused_at.append(asyncio.get_running_loop().time())

    def resume(self, *_: TopicPartition) -> None:
        self.resumed_at.append(asyncio.get_running_loop().time())


@pytest.mark.parametrize(("here", "handed", "pauses_s"), [(1, 2, [3.0]), (9, 5, [])], ids=["not full", "full"])
@virtually
async def test_a_member_gathers_after_a_batch_that_is_not_full(here: int, handed: int, pauses_s: list[float]) -> None:
    member, sizes = Member(here), list[int]()

    async def handle(records: Sequence[Any]) -> None:
        sizes.append(len(records))

    settings = KafkaSettings.model_construct(bootstrap_servers="nowhere:9092")
    reading = GroupSubscription(settings, (OUTCOMES,), "group", handle, lambda: None, 1.0, None, batch=5, gather_s=3.0)
    reading._subscriber.consumer = member
    await reading._in_batches(cast("ConsumerRecord", "first"))

    assert sizes == [handed]
    paused = zip(member.paused_at, member.resumed_at, strict=True)
    assert [resumed - at for at, resumed in paused] == pauses_s
