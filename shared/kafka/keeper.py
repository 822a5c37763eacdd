"""From a topic into the database: decode a batch, store it, note how far it was read, commit its offsets."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar, cast

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError

from shared.background import Periodic
from shared.db.failures import RETRYABLE, described, meaning
from shared.db.store import Place, WentBackError
from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import Topic
from shared.kafka.broker import Consumer
from shared.kafka.dead_letter_limit import DeadLetterLimitError
from shared.kafka.dead_letters.sending import count_from_zero, dead_letter
from shared.kafka.failures import RETRYABLE as BROKER_RETRYABLE
from shared.kafka.offsets import commit_if_ours, next_offsets, read_ranges
from shared.kafka.publisher import Publisher

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5
_TELL_EVERY_S = 60.0  # at full length, what holds the events up
_LOOK_EVERY_S = 5.0  # whether the database has gone back
_ASK_EVERY_S = 60.0  # what is committed, of which this member is told nothing when another one has done it

E = TypeVar("E")


class Heard(NamedTuple, Generic[E]):
    record: ConsumerRecord
    event: E


Read = Callable[[ConsumerRecord], E | None]
Keep = Callable[[Sequence[Heard[E]]], Awaitable[None]]


class KeptOffsets(Protocol):
    """What is used of `shared.db.store.ReadOffsets`."""

    async def advance(self, read: Mapping[Place, range]) -> None: ...

    async def kept(self, topics: Iterable[str]) -> dict[Place, int]: ...


class Keeper(Generic[E]):
    """`keep` stores events in one transaction, and storing an event twice changes nothing.

    Offsets are committed after the transaction: a crash in between has the batch delivered and stored again. In the
    other order it would lose the batch, since Kafka does not deliver again what is committed.
    An event that cannot be read, or of which the values cannot be stored, becomes a dead letter and delays no other.
    Whatever else goes wrong is waited for: it would go wrong with every event.
    What Kafka takes for read and the database does not have, because it was restored to an older state, is read again.
    """

    def __init__(
        self, topics: Iterable[Topic], kind: type[E], keep: Keep[E], publisher: Publisher, offsets: KeptOffsets,
        overheard: Mapping[Topic, Read[E]] | None = None,
    ) -> None:  # fmt: skip
        """overheard: topics whose dead letters are their own reader's to make, and how their records are read; None for
        what cannot be, which is passed over."""
        topics = tuple(topics)
        count_from_zero(*topics)
        self._overheard = {topic.name: read for topic, read in (overheard or {}).items()}
        self.topics = (*topics, *(overheard or {}))
        self.held_up: str | None = None  # why nothing is kept, when somebody must mend something first
        self._topic = {topic.name: topic for topic in self.topics}
        self._kind = kind
        self._keep = keep
        self._publisher = publisher
        self._offsets = offsets
        self._consumer: Consumer | None = None
        self._started = asyncio.Event()
        self._told_at = -math.inf
        self._went_back_to: dict[Place, int] = {}  # until the first batch from there
        self._committed: dict[Place, int] = {}  # of the partitions of this member, as far as it knows
        self._asked_at = -math.inf

    def start(self, consumer: Consumer) -> None:
        """Batches that arrive earlier wait for this."""
        self._consumer = consumer
        self._started.set()

    def watch(self) -> Periodic:
        """To be started after this: looks whether the database has gone back while no events come."""
        return Periodic("read offsets", self._look_back, _LOOK_EVERY_S, (*RETRYABLE, *BROKER_RETRYABLE))

    def waiting(self) -> int:
        """Records on the partitions of this member that are not committed, as far as it knows."""
        if self._consumer is None:
            return 0
        mine = self._committed.keys() & self._consumer.assignment()  # partitions go to others while this is asked
        ends = {place: self._consumer.highwater(TopicPartition(*place)) for place in mine}
        return sum(max(0, end - self._committed[place]) for place, end in ends.items() if end is not None)

    async def on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        """Raises DeadLetterLimitError; by then all records before the one too many are kept and committed."""
        await self._started.wait()
        heard, records, limit_reached = await self._read(records)
        try:
            await self._kept(heard)
        except DeadLetterLimitError as error:
            records, limit_reached = records[: records.index(error.record)], error
        except WentBackError as error:
            await self._read_again(error)
            return
        # Only here: every record of `records` is in the database now, or acked as a dead letter.
        ranges = self._ranges(records)
        try:
            await self._patiently(lambda: self._offsets.advance(ranges))
        except WentBackError as error:
            await self._read_again(error)
            return
        for place in ranges:
            self._went_back_to.pop(place, None)
        await self._commit(next_offsets(records))
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
        if not heard:
            return
        try:
            await self._patiently(lambda: self._keep(heard), several=len(heard) > 1)
        except Exception:
            logger.exception("events.refused", events=len(heard))
            if len(heard) == 1:
                await self._set_aside(heard[0])
                return
            # One event fails the transaction of the whole batch: one by one, only that event is set aside.
            for single in heard:
                await self._kept([single])

    async def _set_aside(self, message: Heard[E]) -> None:
        """To the dead letters, when it is refused by a database that takes another write just before: the same words
        are said of values that are too large and of a server that can write nothing any more."""
        place = (message.record.topic, message.record.partition)
        await self._patiently(lambda: self._offsets.advance({place: range(0)}))  # writes the row, and changes nothing
        try:
            await self._patiently(lambda: self._keep([message]))
        except Exception as error:  # noqa: BLE001 - it is on record, with its event
            if message.record.topic in self._overheard:
                return
            await dead_letter(self._publisher, message.record, "internal", f"not kept: {type(error).__name__}")

    async def _patiently(self, work: Callable[[], Awaitable[None]], *, several: bool = False) -> None:
        """Waits for the database as long as it takes: nothing is committed yet, so Kafka still holds the events.

        Raises what is wrong with the event, or, of several, may be wrong with one of them; and WentBackError."""
        while True:
            try:
                await work()
            except WentBackError:
                raise
            except Exception as error:
                means = meaning(error)
                if means == "bad" or (means == "unforeseen" and several):
                    raise
                self.held_up = described(error) if means != "wait" else None
                self._log_waiting(error, with_traceback=means == "unforeseen")
                await asyncio.sleep(_RETRY_S)
            else:
                self.held_up = None
                return

    def _log_waiting(self, error: Exception, *, with_traceback: bool) -> None:
        topics = [topic.name for topic in self.topics]
        logger.warning("events.waiting", topics=topics, reason=type(error).__name__)
        now = asyncio.get_running_loop().time()
        if self.held_up is not None and now - self._told_at >= _TELL_EVERY_S:
            self._told_at = now
            logger.error(
                "events.held_up", topics=topics, reason=self.held_up, exc_info=error if with_traceback else None
            )

    # A database that has gone back

    async def _look_back(self) -> None:
        """What is committed is in the database, unless that is not the one of then."""
        committed = dict(await self._ask_what_is_committed())
        kept = await self._offsets.kept(topic.name for topic in self.topics)  # after the committed ones: never behind
        behind = {place: kept.get(place, 0) for place, offset in committed.items() if kept.get(place, 0) < offset}
        if behind:
            await self._go_back(behind)

    async def _read_again(self, error: WentBackError) -> None:
        """Instead of the batch in hand. The next one of these partitions is what follows, whatever its offset: the
        topic may hold nothing in between. Only here: a batch that is on its way from before would pass for that."""
        await self._go_back(error.kept)
        self._went_back_to.update(error.kept)

    async def _go_back(self, kept: Mapping[Place, int]) -> None:
        """Reads again from there. The group's offsets go back too: they tell others how far the books are."""
        places = {TopicPartition(*place): offset for place, offset in kept.items()}
        logger.warning("events.read_again", reason=str(WentBackError(kept)))
        await self._commit(places)
        for place, offset in places.items():
            try:
                self._member().seek(place, offset)
            except IllegalStateError:  # it is another member's now, which begins where the group stands
                continue

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        if await commit_if_ours(self._member(), dict(offsets)):
            self._committed.update(offsets)

    async def _ask_what_is_committed(self) -> Mapping[Place, int]:
        """One question for each partition, so this is asked when partitions have come or gone, and rarely else."""
        member, now = self._member(), asyncio.get_running_loop().time()
        if self._committed.keys() != member.assignment() or now - self._asked_at >= _ASK_EVERY_S:
            self._committed = {place: await member.committed(place) or 0 for place in sorted(member.assignment())}
            self._asked_at = now
        return self._committed

    def _ranges(self, records: Sequence[ConsumerRecord]) -> dict[Place, range]:
        return {
            place: range(min(self._went_back_to.get(place, offsets.start), offsets.start), offsets.stop)
            for place, offsets in read_ranges(records).items()
        }

    def _member(self) -> Consumer:
        return cast("Consumer", self._consumer)
