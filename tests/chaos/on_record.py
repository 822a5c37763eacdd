"""What the topics say, read from their beginning. The broker stamps what it appends: see `topics`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.events import InferenceSettled, RouterHeartbeat
from shared.events.codec import UnreadableMessageError, decode
from shared.events.ingress import ingress_topic
from shared.events.topics import HEARTBEATS, OUTCOMES, TOPICS, Topic
from shared.kafka.dead_letters.letter import DeadLetter
from tests.chaos.evidence import Place, RouterLife
from tests.chaos.topics import INGRESS


async def settled_on_record_at(bootstrap_servers: str) -> dict[str, datetime]:
    """By inference, the moment when its first settlement was appended."""
    found: dict[str, datetime] = {}
    async with records_of(bootstrap_servers, OUTCOMES.name) as records:
        async for record in records:
            try:
                event = decode(OUTCOMES, record.headers, record.value)
            except UnreadableMessageError:
                continue
            if isinstance(event, InferenceSettled):
                found.setdefault(str(event.inference_id), _appended_at(record))
    return found


async def router_lives(bootstrap_servers: str) -> list[RouterLife]:
    found: dict[str, datetime] = {}
    async with records_of(bootstrap_servers, HEARTBEATS.name) as records:
        async for record in records:
            beat = decode(HEARTBEATS, record.headers, record.value)
            if isinstance(beat, RouterHeartbeat):
                found.setdefault(beat.router_id, _appended_at(record))
    return [RouterLife(router_id, at) for router_id, at in found.items()]


async def dead_letter_places(bootstrap_servers: str) -> list[Place]:
    """Where the records lie that the dead letters were made of; once for each dead letter."""
    topics = (*TOPICS, ingress_topic(INGRESS))
    return [place for topic in topics if topic.has_dlq for place in await _letters_of(bootstrap_servers, topic)]


async def _letters_of(bootstrap_servers: str, topic: Topic) -> list[Place]:
    async with records_of(bootstrap_servers, topic.dlq) as records:
        letters = [DeadLetter.of(record) async for record in records]
    return [Place(topic.name, letter.source_partition or 0, letter.source_offset or 0) for letter in letters]


@asynccontextmanager
async def records_of(bootstrap_servers: str, topic: str) -> AsyncIterator[AsyncIterator[ConsumerRecord]]:
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=bootstrap_servers, group_id=None, auto_offset_reset="earliest",
        max_partition_fetch_bytes=_MOST_BYTES,
    )  # fmt: skip
    await consumer.start()
    try:
        yield _all_of(consumer)
    finally:
        await consumer.stop()


_MOST_BYTES = 8 * 1024 * 1024


async def _all_of(consumer: AIOKafkaConsumer) -> AsyncIterator[ConsumerRecord]:
    """Up to the ends as they are now."""
    begins = await consumer.beginning_offsets(consumer.assignment())
    ends = await consumer.end_offsets(consumer.assignment())
    remaining: set[TopicPartition] = {partition for partition, end in ends.items() if begins[partition] < end}
    while remaining:
        for partition, records in (await consumer.getmany(*remaining, timeout_ms=1000)).items():
            for record in records:
                yield record
            if await consumer.position(partition) >= ends[partition]:
                remaining.discard(partition)


def _appended_at(record: ConsumerRecord) -> datetime:
    return datetime.fromtimestamp(record.timestamp / 1000, UTC)
