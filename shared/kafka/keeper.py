"""Write down what Kafka says: decode a batch, keep it in the database, commit its offsets."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar, cast

import structlog
from aiokafka import ConsumerRecord

from shared.db.pool import RETRYABLE
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import Event
from shared.events.topics import Topic
from shared.kafka.dead_letter_limit import DeadLetterLimitError
from shared.kafka.dead_letters.sending import dead_letter
from shared.kafka.offsets import Committer, commit_if_ours, next_offsets
from shared.kafka.publisher import Publisher

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5

E = TypeVar("E", bound=Event)


class Heard(NamedTuple, Generic[E]):
    record: ConsumerRecord
    event: E


Keep = Callable[[Sequence[Heard[E]]], Awaitable[None]]


class Keeper(Generic[E]):
    """`keep` stores events in one transaction, and what it is given twice changes nothing. Offsets are committed after
    it. An event that cannot be read, or that the database refuses, is a dead letter and holds up no other."""

    def __init__(self, topics: Iterable[Topic], kind: type[E], keep: Keep[E], publisher: Publisher) -> None:
        self.topics = tuple(topics)
        self._topic = {topic.name: topic for topic in self.topics}
        self._kind = kind
        self._keep = keep
        self._publisher = publisher
        self._consumer: Committer | None = None
        self._started = asyncio.Event()

    def start(self, consumer: Committer) -> None:
        """Batches that come earlier wait for it."""
        self._consumer = consumer
        self._started.set()

    async def on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        """Raises DeadLetterLimitError when all that came before the dead letter too many is kept and committed."""
        await self._started.wait()
        heard, records, limit_reached = await self._read(records)
        try:
            await self._kept(heard)
        except DeadLetterLimitError as error:
            records, limit_reached = records[: records.index(error.record)], error
        await commit_if_ours(cast("Committer", self._consumer), next_offsets(records))
        if limit_reached is not None:
            raise limit_reached

    async def _read(
        self, records: Sequence[ConsumerRecord]
    ) -> tuple[list[Heard[E]], Sequence[ConsumerRecord], DeadLetterLimitError | None]:
        """The events, and the records that are dealt with: all, or those before the dead letter too many."""
        heard: list[Heard[E]] = []
        for number, record in enumerate(records):
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
            if len(heard) > 1:
                for one in heard:
                    await self._kept([one])
                return
            await dead_letter(self._publisher, heard[0].record, "internal", f"not kept: {type(error).__name__}")

    async def _kept_in_time(self, heard: Sequence[Heard[E]]) -> None:
        """Waits for the database as long as it takes: the events are safe in Kafka."""
        while heard:
            try:
                await self._keep(heard)
            except RETRYABLE as error:
                logger.warning("events.waiting", reason=type(error).__name__, events=len(heard))
                await asyncio.sleep(_RETRY_S)
            else:
                return
