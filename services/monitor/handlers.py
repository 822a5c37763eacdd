"""What the monitor hears: attempts and outcomes, booked in batches. Offsets are committed after the transaction."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from opentelemetry.trace import SpanKind

from services.monitor.books import fold
from services.monitor.lag import Lag
from services.monitor.store import MonitorStore
from shared.db.pool import RETRYABLE
from shared.events import InferenceEvent, utc_now
from shared.events.batches import commit_if_ours, next_offsets
from shared.events.codec import UnreadableMessageError, decode
from shared.events.dead_letter_limit import DeadLetterLimitError
from shared.events.dead_letters import dead_letter
from shared.events.envelope import header
from shared.events.publisher import Publisher
from shared.events.topics import ATTEMPTS, OUTCOMES, Topic
from shared.telemetry import instruments, names
from shared.telemetry.traces import TRACEPARENT, tracing

logger = structlog.get_logger(__name__)

_TOPICS: dict[str, Topic] = {topic.name: topic for topic in (ATTEMPTS, OUTCOMES)}
_RETRY_S = 0.5

Decoded = tuple[ConsumerRecord, InferenceEvent]


class BookingHandler:
    def __init__(self, store: MonitorStore, publisher: Publisher, lag: Lag) -> None:
        self._store = store
        self._publisher = publisher
        self._lag = lag
        self._consumer: Any = None
        self._ready = asyncio.Event()

    def start(self, consumer: Any) -> None:
        self._consumer = consumer
        self._ready.set()

    async def on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        await self._ready.wait()
        began_ns, began = time.time_ns(), time.perf_counter()
        events, records, limit_reached = await self._all_decoded(records)
        try:
            await self._book(events)
        except DeadLetterLimitError as error:
            records, limit_reached = records[: records.index(error.record)], error
        offsets = next_offsets(records)
        await commit_if_ours(self._consumer, offsets)
        if limit_reached is not None:
            raise limit_reached
        instruments.book_seconds.observe(time.perf_counter() - began)
        self._lag.booked(offsets, max(record.timestamp for record in records) / 1000)
        if tracing.enabled:
            _trace(records, began_ns)

    async def _all_decoded(
        self, records: Sequence[ConsumerRecord]
    ) -> tuple[list[Decoded], Sequence[ConsumerRecord], DeadLetterLimitError | None]:
        """The events, and the records that are dealt with: all, or those before the dead letter too many."""
        events: list[Decoded] = []
        for number, record in enumerate(records):
            try:
                event = await self._decoded(record)
            except DeadLetterLimitError as error:
                return events, records[:number], error
            if event is not None:
                events.append((record, event))
        return events, records, None

    async def _decoded(self, record: ConsumerRecord) -> InferenceEvent | None:
        try:
            event = decode(_TOPICS[record.topic], record.headers, record.value)
        except UnreadableMessageError as error:
            await dead_letter(self._publisher, record, "invalid_request", str(error))
            return None
        return event if isinstance(event, InferenceEvent) else None

    async def _book(self, events: list[Decoded]) -> None:
        """Waits for the database as long as it takes: the events are safe in Kafka. One event that the database
        refuses does not hold up the others of its batch."""
        try:
            late = await self._merged([event for _, event in events])
        except Exception as error:
            logger.exception("books.refused", events=len(events))
            if len(events) == 1:
                await dead_letter(self._publisher, events[0][0], "internal", f"not booked: {type(error).__name__}")
                return
            for one in events:
                await self._book([one])
            return
        instruments.booked.labels("on_time").inc(len(events) - late)
        instruments.booked.labels("late").inc(late)

    async def _merged(self, events: list[InferenceEvent]) -> int:
        books = fold(events)
        while True:
            try:
                return await self._store.book(books, utc_now())
            except RETRYABLE as error:
                logger.warning("books.waiting", reason=type(error).__name__, events=len(events))
                await asyncio.sleep(_RETRY_S)


def _trace(records: Sequence[ConsumerRecord], began_ns: int) -> None:
    """One `process` span per event, over the time of its batch."""
    for record in records:
        attributes = {
            names.MESSAGING_SYSTEM: "kafka",
            names.MESSAGING_OPERATION_TYPE: "process",
            names.MESSAGING_OPERATION_NAME: names.PROCESS,
            names.MESSAGING_DESTINATION: record.topic,
            names.MESSAGING_PARTITION: str(record.partition),
            names.MESSAGING_OFFSET: record.offset,
        }
        parent = header(record.headers, TRACEPARENT)
        tracing.start(f"{names.PROCESS} {record.topic}", SpanKind.CONSUMER, parent, attributes, began_ns).end()
