"""Read the topics to their end, wait until the monitor has booked them, and compare the two."""

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from services.monitor.audit.invariants import Report, Tally
from services.monitor.audit.parts import Parts
from services.monitor.audit.store import AuditStore
from services.monitor.books.books import is_closed
from services.monitor.books.requests import accepted
from shared.db import DatabaseSettings, connect_pool
from shared.errors import ConfigurationError
from shared.events import Event, InferenceAccepted
from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import ATTEMPTS, OUTCOMES, REQUEST_TOPICS, Topic
from shared.kafka import TopicPartition
from shared.kafka.admin import connected_admin
from shared.kafka.broker import Admin, Broker, Consumer
from shared.kafka.offsets import Offsets, records_behind

_AUDITED = (*REQUEST_TOPICS, ATTEMPTS, OUTCOMES)
_CATCH_UP_S = 30.0  # the monitor is given this long to book what is on the topics
_POLL_S = 0.1
_TELL_EVERY = 10_000


async def run_audit(
    broker: Broker, database: DatabaseSettings, monitor_group: str, seen: Callable[[str], None] = lambda _: None
) -> Report:
    """monitor_group: the group by whose offsets the monitors say what they have booked. seen: is told how far it is."""
    pool = await connect_pool(database, wait_s=5.0)
    try:
        store = AuditStore(pool)
        with Parts() as parts:
            reading = _Reading(parts, await store.kept_from(), seen)
            async with connected_admin(broker) as admin:
                ends = await _read(broker.consumer(), _partitions(await admin.topics()), reading)
                behind = await _catch_up(admin, monitor_group, ends)
            tally = Tally()
            for ledger in parts.ledgers():
                ids = ledger.inferences.keys() | {attempt.inference_id for attempt in ledger.attempts.values()}
                tally.add(ledger, await store.booked(list(ids)), datetime.now(UTC))
                seen(f"{tally.inferences['accepted']:,} inferences compared with the books")
    finally:
        await pool.close()
    return tally.report(behind)


class _Reading:
    """Takes what is read, but for what is no longer in the books."""

    def __init__(self, parts: Parts, kept_from: datetime, seen: Callable[[str], None]) -> None:
        self._parts = parts
        self._kept_from = kept_from
        self._seen = seen
        self._events = 0

    def add(self, event: Event | InferenceAccepted) -> None:
        if not is_closed(event, self._kept_from):
            self._parts.add(event)
        self._events += 1
        if self._events % _TELL_EVERY == 0:
            self._seen(f"{self._events:,} events read")


async def _read(consumer: Consumer, partitions: list[TopicPartition], reading: _Reading) -> Offsets:
    """Take everything that is there now; returns where that ends."""
    await consumer.start()
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        await _take(consumer, ends, reading)
    finally:
        await consumer.stop()
    return ends


async def _take(consumer: Consumer, ends: Offsets, reading: _Reading) -> None:
    topics = {topic.name: topic for topic in _AUDITED}
    begins = await consumer.beginning_offsets(list(ends))
    remaining = {tp for tp, end in ends.items() if begins[tp] < end}
    while remaining:
        for tp, records in (await consumer.getmany(*remaining, timeout_ms=1000)).items():
            for record in records:
                if record.offset < ends[tp]:
                    _add(reading, topics[tp.topic], record)
            if await consumer.position(tp) >= ends[tp]:
                remaining.discard(tp)


def _add(reading: _Reading, topic: Topic, record: Any) -> None:
    if topic in REQUEST_TOPICS:
        if (request := accepted(record)) is not None:
            reading.add(request.request)
        return
    try:
        event = decode(topic, record.headers, record.value)
    except UnreadableMessageError:
        return  # its reader has put it on the dead-letter topic
    for fact in event.facts:
        reading.add(fact)


async def _catch_up(admin: Admin, group: str, ends: Offsets) -> list[str]:
    deadline = asyncio.get_running_loop().time() + _CATCH_UP_S
    while True:
        behind = await records_behind(admin, group, ends)
        if behind == 0:
            return []
        if asyncio.get_running_loop().time() > deadline:
            return [f"the monitor is {behind} events behind the topics; is it running? (tallygate status)"]
        await asyncio.sleep(_POLL_S)


def _partitions(topics: Mapping[str, int]) -> list[TopicPartition]:
    for topic in _AUDITED:
        if topic.name not in topics:
            raise ConfigurationError(f"topic {topic.name} is missing; create it with: tallygate topics apply")
    return [TopicPartition(topic.name, number) for topic in _AUDITED for number in range(topics[topic.name])]
