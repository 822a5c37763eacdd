from collections.abc import Sequence
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError

from shared.kafka.broker import Admin
from shared.kafka.offsets import Offsets, commit_if_ours, first_unread, next_offsets, records_behind
from tests.support.virtual_time import run_virtually
from tests.unit.shared.kafka.records import record


class Consumer:
    """Commits fail with these errors, one after the other, and then succeed."""

    def __init__(self, *errors: Exception) -> None:
        self.asked: list[Offsets] = []
        self._errors = list(errors)

    async def commit(self, offsets: Offsets) -> None:
        self.asked.append(offsets)
        if self._errors:
            raise self._errors.pop(0)


def test_each_partition_goes_on_after_its_last_record() -> None:
    records = [record("a", offset=5), record("a", offset=4), record("b", offset=0)]
    assert next_offsets(records) == {TopicPartition("a", 3): 6, TopicPartition("b", 3): 1}


async def test_nothing_is_committed_of_no_records() -> None:
    consumer = Consumer()
    await commit_if_ours(consumer, next_offsets([]))
    assert consumer.asked == []


def test_a_commit_is_tried_until_it_succeeds() -> None:
    """Nothing more may come on the partition, and recovery waits until all is committed."""
    consumer = Consumer(KafkaConnectionError(), KafkaConnectionError())
    run_virtually(commit_if_ours(consumer, next_offsets([record("a")])))
    assert consumer.asked == [{TopicPartition("a", 3): 18}] * 3


@pytest.mark.parametrize("error", [CommitFailedError(), IllegalStateError()])
async def test_a_commit_that_is_fenced_is_left_to_whoever_gets_the_batch_next(error: Exception) -> None:
    consumer = Consumer(error)
    await commit_if_ours(consumer, next_offsets([record("a")]))
    assert consumer.asked == [{TopicPartition("a", 3): 18}]


class Group:
    """An admin that is told what the group has committed; what is left out the broker cannot tell."""

    def __init__(self, committed: dict[TopicPartition, int | None]) -> None:
        self._committed = committed

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int | None]:
        assert group == "g"
        return {partition: self._committed[partition] for partition in partitions if partition in self._committed}


A, B, C = (TopicPartition("a", number) for number in range(3))


async def test_a_group_is_behind_where_it_never_committed_and_where_the_broker_cannot_tell() -> None:
    admin = cast(Admin, cast(Any, Group({A: 7, B: None})))
    assert await first_unread(admin, "g", [A, B, C]) == {A: 7, B: 0, C: 0}
    assert await records_behind(admin, "g", {A: 7, B: 2, C: 1}) == 3
    assert await records_behind(admin, "g", {A: 5}) == 0
