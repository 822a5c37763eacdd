"""A message that cannot be read goes to `<topic>.dlq` as it came, with the reason in its headers."""

from aiokafka import ConsumerRecord

from shared.events.publisher import Publisher
from shared.events.topics import DLQ_SUFFIX
from shared.telemetry.instruments import dead_letters


async def send_to_dlq(publisher: Publisher, record: ConsumerRecord, error_type: str, reason: str) -> None:
    """Returns when it is acked, so that its offset may be committed. The reason must hold no content."""
    headers = [
        *record.headers,
        ("dlq_error_type", error_type.encode()),
        ("dlq_reason", reason.encode()),
        ("dlq_topic", record.topic.encode()),
        ("dlq_partition", str(record.partition).encode()),
        ("dlq_offset", str(record.offset).encode()),
    ]
    await publisher.send_raw(record.topic + DLQ_SUFFIX, record.value, record.key, headers)
    dead_letters.labels(record.topic, error_type).inc()
