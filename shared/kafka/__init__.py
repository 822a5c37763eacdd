"""How events travel: publish, subscribe, follow, commit, dead letters. Only this package knows Kafka's client.

What a caller needs of the client's own types and errors is named here, so that nobody else imports the client.
"""

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, OffsetOutOfRangeError
from aiokafka.structs import RecordMetadata

__all__ = [
    "CommitFailedError",
    "ConsumerRebalanceListener",
    "ConsumerRecord",
    "IllegalStateError",
    "KafkaError",
    "OffsetOutOfRangeError",
    "RecordMetadata",
    "TopicPartition",
]
