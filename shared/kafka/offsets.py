"""Offsets of groups: what to commit for a batch of records, and how far a group has come."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import structlog
from aiokafka import ConsumerRecord, TopicPartition

from shared.kafka.broker import Admin, Broker, Consumer
from shared.kafka.failures import MOVED, RETRYABLE, KafkaError, described
from shared.kafka.partitions import partitions_of

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5
_ASK_EVERY_S = 0.05

Offsets = dict[TopicPartition, int]


class Committer(Protocol):
    """What a commit needs of a consumer."""

    async def commit(self, offsets: Offsets) -> None: ...


def next_offsets(records: Iterable[ConsumerRecord]) -> Offsets:
    """Per partition, the offset to commit when these records are handled: that of the next one."""
    offsets: Offsets = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        offsets[partition] = max(record.offset + 1, offsets.get(partition, 0))
    return offsets


def read_ranges(records: Iterable[ConsumerRecord]) -> dict[tuple[str, int], range]:
    """Per topic and partition, from the first of these records to the last."""
    ranges: dict[tuple[str, int], range] = {}
    for record in records:
        known = ranges.get((record.topic, record.partition), range(record.offset, record.offset))
        ranges[record.topic, record.partition] = range(
            min(known.start, record.offset), max(known.stop, record.offset + 1)
        )
    return ranges


async def commit_if_ours(consumer: Committer, offsets: Offsets) -> bool:
    """For work that may be done twice: when the group has moved on, the batch is delivered again, here or elsewhere.
    Returns whether they are committed.

    Otherwise the commit is tried until it succeeds: nothing more may come on the partition that would make up for it,
    and whoever waits until all is committed would wait for ever.
    """
    while offsets:
        try:
            await consumer.commit(offsets)
        except MOVED as error:
            logger.warning("offsets.not_committed", reason=type(error).__name__)
            return False
        except RETRYABLE as error:
            logger.warning("offsets.waiting", reason=described(error))
            await asyncio.sleep(_RETRY_S)
        else:
            return True
    return True


async def first_unread(admin: Admin, group: str, partitions: Sequence[TopicPartition]) -> Offsets:
    """Per partition, the first offset that the group has not committed. 0 also where the broker cannot tell: code that
    waits for the group then waits longer, and does not go on too early.
    """
    committed = await admin.committed(group, partitions)
    return {partition: committed.get(partition) or 0 for partition in partitions}


async def records_behind(admin: Admin, group: str, ends: Mapping[TopicPartition, int]) -> int:
    """How many records before these ends the group has not committed."""
    unread = await first_unread(admin, group, list(ends))
    return sum(max(0, end - unread[partition]) for partition, end in ends.items())


async def until_read(admin: Admin, consumer: Consumer, group: str, *topics: str) -> None:
    """Returns when the group has committed all that lies on these topics now. Raises KafkaError."""
    ends = await consumer.end_offsets(await partitions_of(admin, *topics))
    while await records_behind(admin, group, ends):  # noqa: ASYNC110 - the broker signals nothing
        await asyncio.sleep(_ASK_EVERY_S)


async def all_read(broker: Broker, group: str, topic: str, within_s: float) -> bool:
    """Whether the group has committed all that lies on the topic now, or does so in time. False also while the broker
    cannot tell. For questions that are rare: each has clients of its own."""
    admin, consumer = broker.admin(), broker.consumer()
    try:
        async with asyncio.timeout(within_s):
            await admin.start()
            await consumer.start()
            await until_read(admin, consumer, group, topic)
            return True
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await asyncio.gather(consumer.stop(), admin.stop(), return_exceptions=True)
