"""From a topic into the database: decode a batch, store it, commit its offsets."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar, cast

import structlog
from aiokafka import ConsumerRecord

from shared.db.failures import meaning
from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import Topic
from shared.kafka.dead_letter_limit import DeadLetterLimitError
from shared.kafka.dead_letters.sending import dead_letter
from shared.kafka.offsets import Committer, commit_if_ours, next_offsets
from shared.kafka.publisher import Publisher

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5
_TRACEBACK_EVERY_S = 60.0  # of what holds the events up and nobody foresaw

E = TypeVar("E")


class Heard(NamedTuple, Generic[E]):
    record: ConsumerRecord
    event: E


Read = Callable[[ConsumerRecord], E | None]
Keep = Callable[[Sequence[Heard[E]]], Awaitable[None]]


class Keeper(Generic[E]):
    """`keep` stores events in one transaction, and storing an event twice changes nothing.

    Offsets are committed after the transaction: a crash in between has the batch delivered and stored again. In the
    other order it would lose the batch, since Kafka does not deliver again what is committed.
    An event that cannot be read, or of which the values cannot be stored, becomes a dead letter and delays no other.
    Whatever else goes wrong is waited for: it would go wrong with every event.
    """

    def __init__(
        self, topics: Iterable[Topic], kind: type[E], keep: Keep[E], publisher: Publisher,
        overheard: Mapping[Topic, Read[E]] | None = None,
    ) -> None:  # fmt: skip
        """overheard: topics whose dead letters are their own reader's to make, and how their records are read; None for
        what cannot be, which is passed over."""
        self._overheard = {topic.name: read for topic, read in (overheard or {}).items()}
        self.topics = (*topics, *(overheard or {}))
        self._topic = {topic.name: topic for topic in self.topics}
        self._kind = kind
        self._keep = keep
        self._publisher = publisher
        self._consumer: Committer | None = None
        self._started = asyncio.Event()
        self._traceback_at = -math.inf

    def start(self, consumer: Committer) -> None:
        """Batches that arrive earlier wait for this."""
        self._consumer = consumer
        self._started.set()

    async def on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        """Raises DeadLetterLimitError; by then all records before the one too many are kept and committed."""
        await self._started.wait()
        heard, records, limit_reached = await self._read(records)
        try:
            await self._kept(heard)
        except DeadLetterLimitError as error:
            records, limit_reached = records[: records.index(error.record)], error
        # Only here: every record of `records` is in the database now, or acked as a dead letter.
        await commit_if_ours(cast("Committer", self._consumer), next_offsets(records))
        if limit_reached is not None:
            raise limit_reached

    async def _read(
        self, records: Sequence[ConsumerRecord]
    ) -> tuple[list[Heard[E]], Sequence[ConsumerRecord], DeadLetterLimitError | None]:
        """The events to keep; the records whose offsets may be committed; what ended the reading early, if anything."""
        heard: list[Heard[E]] = []
        for number, record in enumerate(records):
            if (read := self._overheard.get(record.topic)) is not None:
                if (overheard := read(record)) is not None:
                    heard.append(Heard(record, overheard))
                continue
            try:
                event = decode(self._topic[record.topic], record.headers, record.value)
            except UnreadableMessageError as unreadable:
                try:
                    await dead_letter(self._publisher, record, "invalid_request", str(unreadable))
                except DeadLetterLimitError as error:
                    return heard, records[:number], error
            else:
                if isinstance(event, self._kind):
                    heard.append(Heard(record, event))
        return heard, records, None

    async def _kept(self, heard: Sequence[Heard[E]]) -> None:
        try:
            await self._kept_in_time(heard)
        except Exception as error:
            logger.exception("events.refused", events=len(heard))
            # One event fails the transaction of the whole batch: one by one, only that event is set aside.
            if len(heard) > 1:
                for single in heard:
                    await self._kept([single])
                return
            if heard[0].record.topic not in self._overheard:
                await dead_letter(self._publisher, heard[0].record, "internal", f"not kept: {type(error).__name__}")

    async def _kept_in_time(self, heard: Sequence[Heard[E]]) -> None:
        """Waits for the database as long as it takes: nothing is committed yet, so Kafka still holds the events.

        Raises what is wrong with the events, or may be wrong with one of several."""
        while heard:
            try:
                await self._keep(heard)
            except Exception as error:
                means = meaning(error)
                if means == "bad" or (means == "unforeseen" and len(heard) > 1):
                    raise
                self._log_waiting(error, len(heard), with_traceback=means == "unforeseen")
                await asyncio.sleep(_RETRY_S)
            else:
                return

    def _log_waiting(self, error: Exception, events: int, *, with_traceback: bool) -> None:
        logger.warning("events.waiting", reason=type(error).__name__, events=events)
        now = asyncio.get_running_loop().time()
        if with_traceback and now - self._traceback_at >= _TRACEBACK_EVERY_S:
            self._traceback_at = now
            logger.error("events.held_up", events=events, exc_info=error)
