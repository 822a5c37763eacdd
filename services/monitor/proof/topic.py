"""The copy of the seals that nobody changes who has the database alone: a topic that keeps all of them."""

from collections.abc import AsyncIterator
from datetime import date

from services.monitor.proof.seals import SignedSeal, is_genuine
from shared.crypto.signing import SigningKeys
from shared.events import DaySealed
from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import SEALS
from shared.kafka import ConsumerRecord
from shared.kafka.admin import connected_admin
from shared.kafka.broker import Broker
from shared.kafka.partitions import partitions_of

_WAIT_MS = 1000

Published = dict[tuple[date, int], SignedSeal]


async def published_seals(broker: Broker, keys: SigningKeys) -> Published:
    """The newest of each day and sequence, of those that are signed by one of the keys: whoever may write to the topic
    can add others, which count for nothing. Raises KafkaError, ConfigurationError."""
    found: Published = {}
    async for record in _records(broker):
        seal = _read(record)
        if seal is not None and is_genuine(keys, seal):
            found[seal.seal.day, seal.seal.sequence] = seal
    return found


def _read(record: ConsumerRecord) -> SignedSeal | None:
    try:
        event = decode(SEALS, record.headers, record.value)
        return SignedSeal.of_event(event) if isinstance(event, DaySealed) else None
    except (UnreadableMessageError, ValueError):
        return None


async def _records(broker: Broker) -> AsyncIterator[ConsumerRecord]:
    """All that are on the topic now."""
    async with connected_admin(broker) as admin:
        partitions = await partitions_of(admin, SEALS.name)
    consumer = broker.consumer()
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        for partition, end in (await consumer.end_offsets(partitions)).items():
            while await consumer.position(partition) < end:
                for records in (await consumer.getmany(partition, timeout_ms=_WAIT_MS)).values():
                    for record in records:
                        yield record
    finally:
        await consumer.stop()
