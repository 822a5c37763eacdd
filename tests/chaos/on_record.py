"""When was a settlement on record? The broker knows, once it is asked to stamp records as it appends them."""

from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.events import InferenceSettled
from shared.events.codec import decode
from shared.events.topics import OUTCOMES, wanted_topics

_STAMP = {"message.timestamp.type": "LogAppendTime"}


async def stamp_when_appended(bootstrap_servers: str) -> None:
    wanted = next(one for one in wanted_topics() if one.name == OUTCOMES.name)
    configs = dict(wanted.config) | _STAMP  # what is not named goes back to the broker's default
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, OUTCOMES.name, configs)])
    finally:
        await admin.close()


async def settled_on_record_at(bootstrap_servers: str) -> dict[str, datetime]:
    """By inference, the moment when its first settlement was appended."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        return await _read(consumer)
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer) -> dict[str, datetime]:
    partitions = [TopicPartition(OUTCOMES.name, number) for number in range(OUTCOMES.partitions)]
    consumer.assign(partitions)
    ends = await consumer.end_offsets(partitions)
    found: dict[str, datetime] = {}
    remaining = {partition for partition, end in ends.items() if end}
    while remaining:
        for partition, records in (await consumer.getmany(*remaining, timeout_ms=1000)).items():
            for record in records:
                event = decode(OUTCOMES, record.headers, record.value)
                if isinstance(event, InferenceSettled):
                    found.setdefault(str(event.inference_id), datetime.fromtimestamp(record.timestamp / 1000, UTC))
            if await consumer.position(partition) >= ends[partition]:
                remaining.discard(partition)
    return found
