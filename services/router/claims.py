"""Claim, then call (decisions 0001 and 0030).

Records that have arrived are gathered. An `AttemptStarted` is published for each, or an `InferenceHeld` for one whose
tenant has its share of the slots: claims are commits of offsets, which have an order, so it is claimed like the others
and waits for its turn here (decision 0018). At the same moment the offsets are committed; only when the broker has
acked both do the calls run. What another order would break:

- A call before the ack: should this router die, nobody would know of a call that was made and is paid for.
- A call before the commit: the commit is the fence. When the group has moved on it fails, since another router has the
  partition and reads the same request; a call made before it would be made, and paid for, twice.

What is committed and never comes on record, because this router dies or gets no ack, Kafka does not deliver again: the
monitor hands it out, RECORD_IS_THERE_AFTER_S after it has seen the commit. So a record that was acked later than
ON_RECORD_WITHIN_S after the commit was sent is no leave to call: somebody else may be about to.

When the commit fails, or the ack comes too late, no call is made, and the attempts end as `handed_back`. Nothing is
claimed while this router does not know that it is heard (decision 0019).
"""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple, Protocol

import structlog

from services.router import counting, instruments, reports
from services.router.attempts import Attempts
from services.router.intake import Intake
from services.router.pulse import Pulse
from services.router.room import Seat
from services.router.waiting import Waiting
from services.router.work import Asked, Begun, Declined, Full, Kept, Refused, Source, Work
from shared.errors import Failure, failure
from shared.events import InferenceHeld, InferenceRequested, Now, utc_now
from shared.events.bounds import instant_of
from shared.events.codec import UnreadableMessageError
from shared.events.inference import Settlement
from shared.events.router import ON_RECORD_WITHIN_S
from shared.events.topics import ATTEMPTS, BULK_REQUESTS, OUTCOMES, REQUESTS, Topic
from shared.kafka import (
    CommitFailedError,
    ConsumerRebalanceListener,
    ConsumerRecord,
    IllegalStateError,
    KafkaError,
    TopicPartition,
)
from shared.kafka.dead_letter_limit import DeadLetterLimitError
from shared.kafka.dead_letters.sending import count_from_zero, dead_letter
from shared.kafka.offsets import next_offsets
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from shared.kafka.stopping import Stop, or_stop, terminate

logger = structlog.get_logger(__name__)

_MAX_BATCH = 256
_MAX_TAKEN_BYTES = 64 * 1024**2  # of records that are not claimed yet
_RETRY_S = 0.5
_CLOCKS_DIFFER = timedelta(minutes=1)  # of a producer and a router, at most; otherwise its requests are held first


class Consumer(Protocol):
    """What claims need of a consumer."""

    async def position(self, partition: TopicPartition) -> int: ...
    async def commit(self, offsets: dict[TopicPartition, int]) -> None: ...


class Taken(NamedTuple):
    """A record, and the epoch in which it was taken: the number of revocations before it."""

    record: ConsumerRecord
    epoch: int


class _Inbox(asyncio.Queue[Taken]):
    """What is taken and not claimed: as many records as one claim takes, and so many bytes."""

    def __init__(self) -> None:
        super().__init__(_MAX_BATCH)
        self._bytes = 0

    def full(self) -> bool:
        return super().full() or self._bytes >= _MAX_TAKEN_BYTES

    def _put(self, item: Taken) -> None:
        self._bytes += len(item.record.value or b"")
        super()._put(item)

    def _get(self) -> Taken:
        item = super()._get()
        self._bytes -= len(item.record.value or b"")
        return item


class Claimed(NamedTuple):
    begun: Begun
    seat: Seat


@dataclass(slots=True)
class Batch:
    """What is claimed together: calls that begin, requests that wait, and those that no model is called for."""

    claimed: list[Claimed] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)
    declined: list[Declined] = field(default_factory=list)

    @property
    def held(self) -> list[tuple[InferenceHeld, str | None]]:
        """What is on record of those without a call, and below which span."""
        kept = [(kept.held, kept.asked.traceparent) for kept in self.kept]
        return kept + [(declined.held, declined.refused.traceparent) for declined in self.declined]


class Claims(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(
        self, router_id: str, intake: Intake, attempts: Attempts, publisher: Publisher, waiting: Waiting,
        pulse: Pulse, stop: Stop = terminate, now: Now = utc_now, topic: Topic = REQUESTS,
    ) -> None:  # fmt: skip
        """topic: of requests; each has claims of its own, and what waits for its turn waits in the same `waiting`."""
        self._router_id = router_id
        self._intake = intake
        self._attempts = attempts
        self._publisher = publisher
        self._pulse = pulse
        self._stop = stop  # this process, when a claim fails as nobody foresaw
        self._now = now
        self._topic = topic
        self.waiting = waiting
        self._room = waiting.room
        self._inbox = _Inbox()
        self._claiming = asyncio.Lock()
        self._in_hand = 0  # records of the claim that is being made
        self._epoch = 0
        self._assigned_at = now()
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None
        self._consumer: Consumer | None = None
        self._ready = asyncio.Event()

    def start(self, consumer: Consumer) -> None:
        count_from_zero(self._topic)
        self._consumer = consumer
        self._loop_task = asyncio.create_task(self._run_or_stop(), name="claims")
        self._ready.set()

    @property
    def in_flight(self) -> int:
        return self._room.in_slots

    @property
    def running(self) -> bool:
        return self._loop_task is not None and not self._loop_task.done()

    async def take(self, record: ConsumerRecord) -> None:
        """Blocks while no more is claimed than has come. What there is no room for is claimed, and refused."""
        # The epoch is read before any wait: the partition may be revoked meanwhile, and the record claimed by another
        # router. Should the partition come back here, the commit would succeed, and only the old epoch tells.
        epoch = self._epoch
        await self._ready.wait()  # records may be delivered before `start` is called
        if self._topic is BULK_REQUESTS:
            await self._until_bulk_may_come()
        if self._stopping or await self._is_stale(record):
            return
        await self._inbox.put(Taken(record, epoch))

    async def _until_bulk_may_come(self) -> None:
        """Bulk is not refused for want of room: it stays on its topic until there is some, and while people ask it
        comes at its pace."""
        while not self._stopping:
            if not self._room.bulk_may_come(self._inbox.qsize() + self._in_hand):
                await self.waiting.until_moved()
            elif wait_s := self.waiting.pace.wait_s(self._pulse.clock()):
                await self.waiting.until_moved(wait_s)
            else:
                return

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """Drops what was taken and not claimed: Kafka delivers it again, to this router or another one."""
        # The lock keeps a rebalance out of a claim, whose records have had their epochs checked already.
        async with self._claiming:
            self._epoch += 1
            self._drop_taken()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._assigned_at = self._now()
        logger.info("partitions.assigned", count=len(list(assigned)))

    async def stop_taking(self) -> None:
        """Finish the claim in hand and take no more; the calls go on."""
        self._stopping = True
        self.waiting.moved()
        # The lock lets that claim end: cut short after the ack, it would leave open attempts without a call.
        async with self._claiming:
            if self._loop_task is not None:
                self._loop_task.cancel()
            self._drop_taken()
        await self.waiting.hand_back()

    async def drain(self, drain_s: float) -> None:
        """Let calls finish for drain_s, then hand the rest back."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain_s)
        await asyncio.sleep(0)  # a task that is cancelled before its first step never gets to hand its work back
        for task in self._tasks - self._attempts.settling:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _is_stale(self, record: ConsumerRecord) -> bool:
        """Whether the record was fetched before a rebalance. That set the position back to what is committed, so the
        record lies at or past it and is delivered again; taken now, it would be worked on twice.
        """
        try:
            position = await self._started().position(TopicPartition(record.topic, record.partition))
        except IllegalStateError:  # the partition is not ours any more
            return True
        return bool(position <= record.offset)

    async def _run_or_stop(self) -> None:
        await or_stop(self._run(), self._stop)

    async def _run(self) -> None:
        while True:
            taken = [await self._inbox.get()]
            await self._pulse.until_beating()
            async with self._claiming:
                while not self._inbox.empty() and len(taken) < _MAX_BATCH:
                    taken.append(self._inbox.get_nowait())
                self._in_hand = len(taken)
                await self._claim([one.record for one in taken if one.epoch == self._epoch])
                self._in_hand = 0
                self.waiting.moved()

    async def _claim(self, records: list[ConsumerRecord]) -> None:
        life, batch = self._pulse.life, Batch()
        try:
            for record in records:
                await self._sort(record, batch)
        except DeadLetterLimitError as error:
            # The records before it are claimed as usual. This one and the rest are not committed, so they come again.
            await self._claim_prepared(records[: records.index(error.record)], batch, life)
            raise
        await self._claim_prepared(records, batch, life)

    async def _sort(self, record: ConsumerRecord, batch: Batch) -> None:
        asked = await self._asked(record)
        if asked is None:
            return
        request = asked.request
        if request.priority == "interactive":
            self.waiting.pace.people_asked(self._pulse.clock())
        seat = self._room.enter(request.tenant_id, asked.source.size, request.priority, shadow=request.is_shadow)
        if isinstance(seat, Failure):
            settlement: Settlement = "rejected" if request.delivery == 1 else "failed"
            self._decline(batch, Refused(request, settlement, seat, asked.traceparent), asked.source)
        elif seat.in_slot and self._is_new(record, request):
            await self._begin(asked, seat, batch)
        else:
            held = reports.held(request, asked.source, self._router_id, self._attempts.stamp())
            batch.kept.append(Kept(asked, held, seat))

    def _is_new(self, record: ConsumerRecord, request: InferenceRequested) -> bool:
        """Whether no router may have died while it prepared this request. Of one that is not new, a hold is claimed and
        it is prepared after that: whatever kills router after router is then given up by the monitor, as nothing of it
        came on record before, and Kafka would deliver it for ever."""
        at, latest = instant_of(record.timestamp), self._now() + _CLOCKS_DIFFER
        return request.delivery == 1 and at is not None and self._assigned_at <= at <= latest

    async def _begin(self, asked: Asked, seat: Seat, batch: Batch) -> None:
        prepared = await self._intake.prepared(asked)
        begun = self._attempts.begin(prepared) if isinstance(prepared, Work) else prepared
        taken = self._kept_for(begun, asked, seat) if isinstance(begun, Full) else begun
        if isinstance(taken, Begun):
            batch.claimed.append(Claimed(taken, seat))
        elif isinstance(taken, Kept):
            batch.kept.append(taken)
        else:
            self.waiting.leave(seat)
            self._decline(batch, taken, asked.source)

    def _kept_for(self, full: Full, asked: Asked, seat: Seat) -> Kept | Refused:
        request = asked.request
        if (refusal := self.waiting.set_aside(seat)) is not None:
            settlement: Settlement = "rejected" if request.delivery == 1 else "failed"
            return Refused(request, settlement, refusal, asked.traceparent)
        held = reports.held(request, asked.source, self._router_id, self._attempts.stamp())
        return Kept(asked, held, seat, full)

    def _decline(self, batch: Batch, refused: Refused, source: Source) -> None:
        """Settled after the claim, not before: should that fail, another router gets the request, and would call a
        model for what is settled."""
        held = reports.held(refused.request, source, self._router_id, self._attempts.stamp())
        batch.declined.append(Declined(refused, held))

    async def _claim_prepared(self, records: list[ConsumerRecord], batch: Batch, life: int) -> None:
        if not records:
            return
        sent_at = self._pulse.clock()
        committed, acked_at = await asyncio.gather(self._committed(records), self._put_on_record(batch))
        if committed and acked_at - sent_at <= ON_RECORD_WITHIN_S:
            instruments.claims.labels("claimed").inc(len(batch.claimed) + len(batch.kept))
            for begun, seat in batch.claimed:
                instruments.begun_after(begun.work.request, self._now())
                self._spawn(self._attempts.run(begun, life, partial(self._room.hold_answer, seat)), seat)
            for kept in batch.kept:
                self.waiting.keep(kept)
                self._spawn(self.waiting.run(kept, life), kept.seat)
            for declined in batch.declined:
                self._spawn(self._attempts.refuse(declined.refused))
        else:
            if committed:
                logger.warning("claim.late", after_s=round(acked_at - sent_at, 1), requests=len(records))
            instruments.claims.labels("handed_back").inc(len(batch.claimed) + len(batch.kept))
            await self._hand_back(batch, was_claimed=committed)

    async def _put_on_record(self, batch: Batch) -> float:
        """Returns when all is acked: at which time by the pulse's clock. Those whose start never can be are declined
        from here on, and have no seat."""
        try:
            await self._publisher.publish_until_acked(*_holds(batch), *map(_start, batch.claimed))
        except UnpublishableError:
            pass  # one of them; the others must not end with it
        else:
            return self._pulse.clock()
        for claim in list(batch.claimed):
            try:
                await self._publisher.publish_until_acked(_start(claim))
            except UnpublishableError as error:
                batch.claimed.remove(claim)
                work = claim.begun.work
                self._attempts.release(work)
                self.waiting.leave(claim.seat)
                self._decline(batch, Refused(work.request, "failed", error.failure, work.traceparent), work.source)
        await self._publisher.publish_until_acked(*_holds(batch))
        return self._pulse.clock()

    async def _asked(self, record: ConsumerRecord) -> Asked | None:
        """None when there is nothing to do: the record is a duplicate, or a dead letter, which is acked by now."""
        try:
            asked = self._intake.read(record)
        except UnreadableMessageError as error:
            await dead_letter(self._publisher, record, "invalid_request", str(error))
            return None
        return asked if await self._intake.first_time(asked.request) else None

    async def _committed(self, records: list[ConsumerRecord]) -> bool:
        offsets = next_offsets(records)
        while True:
            try:
                await self._started().commit(offsets)
            except (CommitFailedError, IllegalStateError) as error:
                logger.warning("claim.fenced", reason=type(error).__name__, requests=len(records))
                return False
            except KafkaError as error:
                # The result is unknown, and neither guess is safe. If it failed, a call now could repeat that of
                # another router. Nor can the requests be given up: this consumer has read past them, and Kafka delivers
                # them again only after a rebalance. So it is repeated until it succeeds or the partition is lost.
                logger.warning("claim.waiting", reason=type(error).__name__)
                await asyncio.sleep(_RETRY_S)
            else:
                return True

    async def _hand_back(self, batch: Batch, *, was_claimed: bool) -> None:
        """What was claimed, the monitor hands out. Otherwise Kafka delivers all of it again, maybe to this router. When
        the commit was made after all, and only its answer lost, nobody else has it: then the monitor hands it out, too.
        """
        requests = [begun.work.request for begun, _ in batch.claimed] + [kept.asked.request for kept in batch.kept]
        for request in (*requests, *(declined.refused.request for declined in batch.declined)):
            if not was_claimed:
                self._intake.forget(request)  # they must not be dropped as duplicates
        words = [word for claim in batch.claimed for word in self._handed_back(claim.begun, was_claimed=was_claimed)]
        words += [
            Outgoing(ATTEMPTS, reports.handed_back(held, was_claimed=was_claimed), traceparent)
            for held, traceparent in batch.held
        ]
        try:
            await self._publisher.publish_until_acked(*words)
        except UnpublishableError as error:  # the monitor closes what has no outcome
            logger.error("hand_back.unpublishable", reason=str(error))  # noqa: TRY400 - the reason says it all
        for claim in batch.claimed:
            self._attempts.release(claim.begun.work)
        for seat in (*(claim.seat for claim in batch.claimed), *(kept.seat for kept in batch.kept)):
            self.waiting.leave(seat)

    def _handed_back(self, begun: Begun, *, was_claimed: bool) -> Iterator[Outgoing]:
        now, traceparent = self._now(), begun.work.traceparent
        why = (
            "had it on record too late to make the call"
            if was_claimed
            else "lost its partitions before the call was made"
        )
        told = failure("handed_back", f"router {self._router_id} {why}")
        booked = reports.booked(counting.of_failure(told, sent=False), begun.work.first.model)
        yield Outgoing(OUTCOMES, reports.attempt_failed(begun.started, told, now, now, booked), traceparent)
        yield Outgoing(ATTEMPTS, reports.handed_back(begun.started, was_claimed=was_claimed), traceparent)

    def _spawn(self, work: Coroutine[Any, Any, None], seat: Seat | None = None) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(partial(self._finished, seat))

    def _finished(self, seat: Seat | None, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if seat is not None:
            self.waiting.leave(seat)
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("inference.unsettled", exc_info=error)

    def _drop_taken(self) -> None:
        while not self._inbox.empty():
            self._inbox.get_nowait()
        self.waiting.moved()

    def _started(self) -> Consumer:
        if self._consumer is None:
            raise IllegalStateError("the consumer has not been started")
        return self._consumer


def _start(claim: Claimed) -> Outgoing:
    return Outgoing(ATTEMPTS, claim.begun.started, claim.begun.work.traceparent)


def _holds(batch: Batch) -> list[Outgoing]:
    return [Outgoing(ATTEMPTS, held, traceparent) for held, traceparent in batch.held]
