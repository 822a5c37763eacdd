"""Claim, then call (decision 0001).

Records that have arrived are gathered; an `AttemptStarted` is published for each; when the broker has acked these, the
offsets are committed; only when that commit has succeeded do the calls run. What another order would break:

- A commit before the ack: a router that dies in between leaves a request that Kafka does not deliver again and that no
  event tells of. Nobody would ever settle it.
- A call before the commit: the commit is the fence. When the group has moved on it fails, since another router has the
  partition and reads the same request; a call made before it would be made, and paid for, twice.

When the commit fails, no call is made, and the attempts end as `handed_back`.
"""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, NamedTuple, Protocol

import structlog

from services.router import reports
from services.router.attempts import Attempts
from services.router.intake import Intake
from services.router.work import Refused, Work
from shared.errors import failure
from shared.events import AttemptStarted, Now, utc_now
from shared.events.codec import UnreadableMessageError
from shared.events.topics import ATTEMPTS, OUTCOMES
from shared.kafka import (
    CommitFailedError,
    ConsumerRebalanceListener,
    ConsumerRecord,
    IllegalStateError,
    KafkaError,
    TopicPartition,
)
from shared.kafka.dead_letter_limit import DeadLetterLimitError
from shared.kafka.dead_letters.sending import dead_letter
from shared.kafka.offsets import next_offsets
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from shared.kafka.stopping import Stop, or_stop, terminate
from shared.telemetry import instruments

logger = structlog.get_logger(__name__)

_MAX_BATCH = 256
_RETRY_S = 0.5


class Consumer(Protocol):
    """What claims need of a consumer."""

    async def position(self, partition: TopicPartition) -> int: ...
    async def commit(self, offsets: dict[TopicPartition, int]) -> None: ...


class Taken(NamedTuple):
    """A record, and the epoch in which it was taken: the number of revocations before it."""

    record: ConsumerRecord
    epoch: int


class Claimed(NamedTuple):
    work: Work
    started: AttemptStarted


class Claims(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(
        self, router_id: str, intake: Intake, attempts: Attempts, publisher: Publisher, max_in_flight: int,
        stop: Stop = terminate, now: Now = utc_now,
    ) -> None:  # fmt: skip
        self._router_id = router_id
        self._intake = intake
        self._attempts = attempts
        self._publisher = publisher
        self._stop = stop  # this process, when a claim fails as nobody foresaw
        self._now = now
        self._slots = asyncio.Semaphore(max_in_flight)
        self._taken: asyncio.Queue[Taken] = asyncio.Queue()  # bounded by the slots
        self._claiming = asyncio.Lock()
        self._epoch = 0
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop_task: asyncio.Task[None] | None = None
        self._consumer: Consumer | None = None
        self._ready = asyncio.Event()

    def start(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._loop_task = asyncio.create_task(self._run_or_stop(), name="claims")
        self._ready.set()

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

    @property
    def running(self) -> bool:
        return self._loop_task is not None and not self._loop_task.done()

    async def take(self, record: ConsumerRecord) -> None:
        """Blocks while `max_in_flight` is reached, so that other routers can take what this one cannot work on."""
        await self._ready.wait()  # records may be delivered before `start` is called
        if self._stopping or await self._is_stale(record):
            return
        # The epoch is read before the wait for a slot: the partition may be revoked meanwhile, and claimed by another
        # router. Should it come back here, the commit would succeed, and only the old epoch tells.
        taken = Taken(record, self._epoch)
        await self._slots.acquire()
        self._taken.put_nowait(taken)

    async def on_partitions_revoked(self, _revoked: Iterable[TopicPartition]) -> None:
        """Drops what was taken and not claimed: Kafka delivers it again, to this router or another one."""
        # The lock keeps a rebalance out of a claim, whose records have had their epochs checked already.
        async with self._claiming:
            self._epoch += 1
            self._drop_taken()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        logger.info("partitions.assigned", count=len(list(assigned)))

    async def stop_taking(self) -> None:
        """Finish the claim in hand and take no more; the calls go on."""
        self._stopping = True
        # The lock lets that claim end: cut short after the ack, it would leave open attempts without a call.
        async with self._claiming:
            if self._loop_task is not None:
                self._loop_task.cancel()
            self._drop_taken()

    async def drain(self, drain_s: float) -> None:
        """Let calls finish for drain_s, then hand the rest back."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=drain_s)
        await asyncio.sleep(0)  # a task that is cancelled before its first step never gets to hand its work back
        for task in self._tasks:
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
            batch = [await self._taken.get()]
            async with self._claiming:
                while not self._taken.empty() and len(batch) < _MAX_BATCH:
                    batch.append(self._taken.get_nowait())
                await self._claim([taken.record for taken in batch if self._is_current(taken)])

    def _is_current(self, taken: Taken) -> bool:
        current = taken.epoch == self._epoch
        if not current:
            self._slots.release()
        return current

    async def _claim(self, records: list[ConsumerRecord]) -> None:
        claimed: list[Claimed] = []
        refused: list[Refused] = []
        try:
            for record in records:
                await self._sort(record, claimed, refused)
        except DeadLetterLimitError as error:
            # The records before it are claimed as usual. This one and the rest are not committed, so they come again.
            await self._claim_prepared(records[: records.index(error.record)], claimed, refused)
            raise
        await self._claim_prepared(records, claimed, refused)

    async def _sort(self, record: ConsumerRecord, claimed: list[Claimed], refused: list[Refused]) -> None:
        prepared = await self._prepared(record)
        if isinstance(prepared, Work):
            prepared = self._attempts.admit(prepared)
        if isinstance(prepared, Work):
            self._begin(prepared, claimed, refused)
        else:
            self._slots.release()
            if prepared is not None:
                refused.append(prepared)

    def _begin(self, work: Work, claimed: list[Claimed], refused: list[Refused]) -> None:
        """A model with a field that no event can hold ends its own request and no other."""
        try:
            started = reports.attempt_started(work, work.first, 1, self._router_id, self._now())
        except ValueError as error:
            logger.exception("claim.failed", inference_id=str(work.request.inference_id))
            self._attempts.release(work)
            self._slots.release()
            reason = failure("internal", f"the call could not be put on record: {type(error).__name__}")
            refused.append(Refused(work.request, "failed", reason, work.traceparent))
        else:
            claimed.append(Claimed(work, started))

    async def _claim_prepared(
        self, records: list[ConsumerRecord], claimed: list[Claimed], refused: list[Refused]
    ) -> None:
        if not records:
            return
        claimed, unpublishable = await self._on_record(claimed)
        refused = [*refused, *unpublishable]
        # Settlements of refused requests are acked before the commit, too. Committed first, a request whose router died
        # would have no event, and neither Kafka nor the monitor would bring it back. When the commit fails it is
        # delivered again, and of two settlements the first counts.
        await asyncio.gather(*(self._attempts.refuse(refusal) for refusal in refused))
        if await self._committed(records):
            instruments.claims.labels("claimed").inc(len(claimed))
            for work, started in claimed:
                self._spawn(self._attempts.run(work, started))
        else:
            instruments.claims.labels("handed_back").inc(len(claimed))
            # Delivered again, maybe to this router, they must not be dropped as duplicates.
            for request in (*(work.request for work, _ in claimed), *(refusal.request for refusal in refused)):
                self._intake.forget(request)
            await self._hand_back(claimed)

    async def _on_record(self, claimed: list[Claimed]) -> tuple[list[Claimed], list[Refused]]:
        """Those whose start is acked, and those whose start never can be; no slot is held for these."""
        try:
            await self._publisher.publish_until_acked(*map(_start, claimed))
        except UnpublishableError:
            pass  # one of them; the others must not end with it
        else:
            return claimed, []
        started: list[Claimed] = []
        refused: list[Refused] = []
        for claim in claimed:
            try:
                await self._publisher.publish_until_acked(_start(claim))
            except UnpublishableError as error:
                self._attempts.release(claim.work)
                self._slots.release()
                refused.append(Refused(claim.work.request, "failed", error.failure, claim.work.traceparent))
            else:
                started.append(claim)
        return started, refused

    async def _prepared(self, record: ConsumerRecord) -> Work | Refused | None:
        """None when there is nothing to do: the record is a duplicate, or a dead letter, which is acked by now."""
        try:
            prepared = await self._read_and_prepared(record)
        except UnreadableMessageError as error:
            await dead_letter(self._publisher, record, "invalid_request", str(error))
            return None
        return prepared if await self._intake.first_time(prepared.request) else None

    async def _read_and_prepared(self, record: ConsumerRecord) -> Work | Refused:
        asked = self._intake.read(record)
        try:
            return await self._intake.prepare(asked)
        except Exception as error:
            # A caller waits for this request: an unforeseen error must not stop its partition, and must settle it.
            logger.exception("intake.failed", partition=record.partition, offset=record.offset)
            refusal = failure("internal", f"the request could not be prepared: {type(error).__name__}")
            return Refused(asked.request, "failed", refusal, asked.traceparent)

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

    async def _hand_back(self, claimed: list[Claimed]) -> None:
        now = self._now()
        told = failure("handed_back", f"router {self._router_id} lost its partitions before the call was made")
        ended = [
            Outgoing(OUTCOMES, reports.attempt_failed(started, told, now, now), work.traceparent)
            for work, started in claimed
        ]
        try:
            await self._publisher.publish_until_acked(*ended)
        except UnpublishableError as error:  # the monitor closes what has no outcome
            logger.error("hand_back.unpublishable", reason=str(error))  # noqa: TRY400 - the reason says it all
        for work, _ in claimed:
            self._attempts.release(work)
            self._slots.release()

    def _spawn(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(call)
        self._tasks.add(task)
        instruments.in_flight.set(len(self._tasks))
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._slots.release()
        instruments.in_flight.set(len(self._tasks))
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("inference.unsettled", exc_info=error)

    def _drop_taken(self) -> None:
        while not self._taken.empty():
            self._taken.get_nowait()
            self._slots.release()

    def _started(self) -> Consumer:
        if self._consumer is None:
            raise IllegalStateError("the consumer has not been started")
        return self._consumer


def _start(claim: Claimed) -> Outgoing:
    return Outgoing(ATTEMPTS, claim.started, claim.work.traceparent)
