"""What the monitor reads from Kafka and books, in batches: attempts, outcomes and settlements, and feature jobs."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime

from opentelemetry.trace import SpanKind

from services.monitor import instruments
from services.monitor.books.books import ALL_KEPT, Booked, fold
from services.monitor.books.lag import Lag
from services.monitor.books.requests import accepted
from services.monitor.books.store import BookStore, FeatureBooks
from shared.events import FeatureEvent, InferenceEvent, Now, utc_now
from shared.events.envelope import context_in
from shared.events.topics import ATTEMPTS, FEATURE_OUTCOMES, FEATURE_PROGRESS, OUTCOMES, REQUEST_TOPICS, Topic
from shared.kafka import ConsumerRecord
from shared.kafka.keeper import Heard, Keeper, KeptOffsets
from shared.kafka.offsets import next_offsets
from shared.kafka.publisher import Publisher
from shared.telemetry import names
from shared.telemetry.traces import tracing

TOPICS = (ATTEMPTS, OUTCOMES, *REQUEST_TOPICS)
# The books are behind the topics by so long at most, and by what a batch takes. What is over by then is written once.
# Whoever reads an open inference waits until the books are complete; sums are 2 s behind anyway.
GATHER_S = 0.2


class BookingHandler:
    def __init__(
        self, store: BookStore, publisher: Publisher, offsets: KeptOffsets, lag: Lag, now: Now = utc_now,
        kept_from: Callable[[], datetime] = lambda: ALL_KEPT,
    ) -> None:  # fmt: skip
        """kept_from: the days before were dropped from the books."""
        self._store = store
        self._lag = lag
        self._now = now
        self._kept_from = kept_from
        said: tuple[Topic, ...] = (ATTEMPTS, OUTCOMES)
        self.keeper = Keeper[Booked](
            said, InferenceEvent, self._book, publisher, offsets, dict.fromkeys(REQUEST_TOPICS, accepted)
        )

    async def on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        """Raises DeadLetterLimitError, as the keeper does."""
        began_ns, began = time.time_ns(), time.perf_counter()
        await self.keeper.on_batch(records)
        instruments.book_seconds.observe(time.perf_counter() - began)
        self._lag.booked(next_offsets(records), max(record.timestamp for record in records) / 1000)
        if tracing.enabled:
            _trace(records, began_ns)

    async def _book(self, heard: Sequence[Heard[Booked]]) -> None:
        books = fold([message.event for message in heard], self._kept_from())
        late = await self._store.book(books, self._now())
        instruments.booked.labels("on_time").inc(books.facts - late)
        instruments.booked.labels("late").inc(late)


def feature_keeper(books: FeatureBooks, publisher: Publisher, offsets: KeptOffsets) -> Keeper[FeatureEvent]:
    async def keep(heard: Sequence[Heard[FeatureEvent]]) -> None:
        await books.book([message.event for message in heard])

    return Keeper((FEATURE_PROGRESS, FEATURE_OUTCOMES), FeatureEvent, keep, publisher, offsets)


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
        parent = context_in(record.headers)
        tracing.start(f"{names.PROCESS} {record.topic}", SpanKind.CONSUMER, parent, attributes, began_ns).end()
