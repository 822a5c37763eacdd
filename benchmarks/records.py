"""How many records the broker has of what belongs to inferences."""

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.topics import ATTEMPTS, OUTCOMES, REPLIES, REQUESTS, RESULTS

_TOPICS = (REQUESTS, ATTEMPTS, OUTCOMES, REPLIES, RESULTS)


def record_counts(bootstrap_servers: str) -> dict[str, int]:
    """Records ever written, by topic."""
    return asyncio.run(_record_counts(bootstrap_servers))


async def _record_counts(bootstrap_servers: str) -> dict[str, int]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers) as consumer:
        ends = await consumer.end_offsets(_partitions())
    counts = {topic.name: 0 for topic in _TOPICS}
    for partition, end in ends.items():
        counts[partition.topic] += end
    return counts


def _partitions() -> Sequence[TopicPartition]:
    return [TopicPartition(topic.name, number) for topic in _TOPICS for number in range(topic.partitions)]
