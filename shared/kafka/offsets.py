"""What every reader of a group does with a batch of records: dead letters first, then one commit."""

from collections.abc import Iterable
from typing import Protocol

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

logger = structlog.get_logger(__name__)

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


async def commit_if_ours(consumer: Committer, offsets: Offsets) -> None:
    """For work that may be done twice: when the commit fails, the batch is delivered again, here or elsewhere."""
    if not offsets:
        return
    try:
        await consumer.commit(offsets)
    except (CommitFailedError, IllegalStateError, KafkaError) as error:
        logger.warning("offsets.not_committed", reason=type(error).__name__)
