"""Which partitions there are. The broker is asked: an operator may have made more of them than we do."""

from aiokafka import TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError

from shared.kafka.broker import Admin


async def partitions_of(admin: Admin, *topics: str) -> list[TopicPartition]:
    """Raises UnknownTopicOrPartitionError and other KafkaErrors."""
    counts = await admin.topics(*topics)
    for topic in topics:
        if topic not in counts:
            raise UnknownTopicOrPartitionError(topic)
    return [TopicPartition(topic, number) for topic in topics for number in range(counts[topic])]
