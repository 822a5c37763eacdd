"""Read the topics to their end, wait until the monitor has booked them, and hold the two against each other."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError

from services.monitor.audit.invariants import Ledger, Report, check
from services.monitor.audit.store import AuditStore
from shared.db import DatabaseSettings, connect_pool
from shared.errors import ConfigurationError
from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import ATTEMPTS, OUTCOMES, REQUESTS, Topic
from shared.kafka.settings import KafkaSettings

_AUDITED = (REQUESTS, ATTEMPTS, OUTCOMES)
_CATCH_UP_S = 30.0  # the monitor is given this long to book what is on the topics
_POLL_S = 0.1
_MONITOR_GROUP = "monitor"

Offsets = dict[TopicPartition, int]


async def run_audit(kafka: KafkaSettings, database: DatabaseSettings) -> Report:
    async with _consumer(kafka) as consumer:
        ends = await _ends(consumer, _AUDITED)
        ledger = Ledger()
        await _read(consumer, ends, ledger)
    behind = await _catch_up(kafka, {tp: end for tp, end in ends.items() if tp.topic != REQUESTS.name})
    pool = await connect_pool(database, wait_s=5.0)
    try:
        booked = await AuditStore(pool).booked()
    finally:
        await pool.close()
    return check(ledger, booked, datetime.now(UTC), behind)


async def _read(consumer: AIOKafkaConsumer, ends: Offsets, ledger: Ledger) -> None:
    """Fold everything up to `ends` into the ledger."""
    topics = {topic.name: topic for topic in _AUDITED}
    begins = await consumer.beginning_offsets(list(ends))
    remaining = {tp for tp, end in ends.items() if begins[tp] < end}
    while remaining:
        for tp, records in (await consumer.getmany(*remaining, timeout_ms=1000)).items():
            for record in records:
                if record.offset < ends[tp]:
                    _add(ledger, topics[tp.topic], record)
            if await consumer.position(tp) >= ends[tp]:
                remaining.discard(tp)


def _add(ledger: Ledger, topic: Topic, record: Any) -> None:
    try:
        ledger.add(decode(topic, record.headers, record.value))
    except UnreadableMessageError:
        return  # its reader has put it on the dead-letter topic


async def _catch_up(kafka: KafkaSettings, ends: Offsets) -> list[str]:
    deadline = asyncio.get_running_loop().time() + _CATCH_UP_S
    admin = AIOKafkaAdminClient(**kafka.connection())
    await admin.start()
    try:
        while True:
            committed = await admin.list_consumer_group_offsets(_MONITOR_GROUP, partitions=list(ends))
            behind = sum(max(0, end - max(0, committed[tp].offset)) for tp, end in ends.items() if tp in committed)
            if behind == 0:
                return []
            if asyncio.get_running_loop().time() > deadline:
                return [f"the monitor is {behind} events behind the topics; is it running? (tallygate status)"]
            await asyncio.sleep(_POLL_S)
    finally:
        await admin.close()


async def _ends(consumer: AIOKafkaConsumer, topics: Iterable[Topic]) -> Offsets:
    partitions = [TopicPartition(topic.name, number) for topic in topics for number in _numbers(consumer, topic)]
    consumer.assign(partitions)
    await consumer.seek_to_beginning(*partitions)
    ends: Offsets = await consumer.end_offsets(partitions)
    return ends


def _numbers(consumer: AIOKafkaConsumer, topic: Topic) -> list[int]:
    numbers = consumer.partitions_for_topic(topic.name)
    if not numbers:
        raise ConfigurationError(f"topic {topic.name} is missing; create it with: tallygate topics apply")
    return sorted(numbers)


@asynccontextmanager
async def _consumer(kafka: KafkaSettings) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *(topic.name for topic in _AUDITED), **kafka.connection(), group_id=None, enable_auto_commit=False
    )
    try:
        await consumer.start()
    except KafkaConnectionError as error:
        raise ConfigurationError(f"no broker at KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap_servers}") from error
    try:
        consumer.unsubscribe()
        yield consumer
    finally:
        await consumer.stop()
