"""What the code does instead, while a mutant is in force: in the place of a method or a function of its own."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID

from services.gateway.inference.completing import Completing
from services.monitor.recovery import orphans
from services.monitor.recovery.orphans import Orphan
from services.monitor.recovery.recovery import LostWork, Overdue, Recovery
from services.router import reports
from services.router.claims import Claims, Taken
from services.router.progress import OpenCall
from shared.errors import failure
from shared.events import new_id
from shared.events.topics import BULK_REQUESTS, OUTCOMES, REPLIES, REQUESTS, RESULTS, Topic
from shared.inferences import InferenceFailedError, Order
from shared.kafka import offsets
from shared.kafka.publisher import Outgoing


def _begin_all(self: Any, batch: Any, life: int) -> None:
    for begun, seat in batch.claimed:
        self._spawn(self._attempts.run(begun, life, partial(self._room.hold_answer, seat)), seat)
    for kept in batch.kept:
        self.waiting.keep(kept)
        self._spawn(self.waiting.run(kept, life), kept.seat)
    for declined in batch.declined:
        self._spawn(self._attempts.refuse(declined.refused))


async def call_unacked(self: Any, records: Any, batch: Any, life: int) -> None:
    if records:
        self._kept = asyncio.create_task(self._put_on_record(batch))
        if await self._committed(records):
            _begin_all(self, batch, life)
        else:
            await self._hand_back(batch, was_claimed=False)


async def call_first(self: Any, records: Any, batch: Any, life: int) -> None:
    if not records:
        return
    self._kept = asyncio.create_task(self._committed(records))
    await self._put_on_record(batch)
    _begin_all(self, batch, life)
    await self._kept


_committed = Claims._committed


async def unfenced(self: Claims, records: Any) -> bool:
    await _committed(self, records)
    return True


async def commit_again(self: Claims, records: Any) -> bool:
    """As a commit does that is tried again after a later one has succeeded."""

    async def again() -> None:
        await asyncio.sleep(5.0)
        await _committed(self, records)

    self._kept = asyncio.create_task(again())
    return await _committed(self, records)


async def take_after_the_wait(self: Claims, record: Any) -> None:
    await self._ready.wait()
    if self._topic is BULK_REQUESTS:
        await self._until_bulk_may_come()
    if not (self._stopping or await self._is_stale(record)):
        await self._inbox.put(Taken(record, self._epoch))


async def forget_it(self: Any, batch: Any, **_how: bool) -> None:
    for claim in batch.claimed:
        self._attempts.release(claim.begun.work)
    for claim in (*batch.claimed, *batch.kept):
        self.waiting.leave(claim.seat)


def nothing_held(_batch: object) -> list[Outgoing]:
    return []


async def sure(self: Any, progress: Any) -> None:
    pass


async def start_unacked(self: Any, progress: Any, candidate: Any, traced: Any) -> Any:
    progress.calls += 1
    now = self._now()
    started = reports.attempt_started(progress.work, candidate, progress.calls, self._router_id, now)
    progress.newest, progress.open_call = started, OpenCall(candidate.model, started, now)
    told = self._settling.report(traced.traceparent, *progress.unreported, started)
    self._kept = asyncio.create_task(told)
    progress.unreported = []
    return started


async def start_apart(self: Any, progress: Any, candidate: Any, traced: Any) -> Any:
    progress.calls += 1
    now = self._now()
    started = reports.attempt_started(progress.work, candidate, progress.calls, self._router_id, now)
    progress.newest, progress.open_call = started, OpenCall(candidate.model, started, now)
    await self._settling.report(traced.traceparent, *progress.unreported, started)
    progress.unreported.clear()
    return started


def last_word(books_: Any, row: Any, column: str, event: Any) -> bool:
    books_.words[event.event_id] = event
    row[column] = event.event_id
    return True


def newest_word(old: Any, new: Any, event_id: str, columns: Any) -> Any:
    return {name: (old if new[event_id] is None else new)[name] for name in columns}


async def commit_unbooked(self: Any, records: Any) -> None:
    await self._started.wait()
    heard, records, _ = await self._read(records)
    await offsets.commit_if_ours(self._consumer, offsets.next_offsets(records))
    await self._kept(heard)


async def commit_once(consumer: Any, committed: Any) -> None:
    try:
        if committed:
            await consumer.commit(committed)
    except Exception:  # noqa: BLE001 - as the code under test did it once
        return


_lost_work = Recovery._lost_work


async def all_but_one(self: Recovery, claimed: Any) -> LostWork:
    lost = await _lost_work(self, claimed)
    return lost._replace(orphans=lost.orphans[1:])


async def no_lost_attempts(self: Recovery, claimed: Any) -> LostWork:
    """Only those of orphans, as it was once."""
    lost = await _lost_work(self, claimed)
    orphaned = {orphan.inference_id for orphan in lost.orphans}
    return lost._replace(attempts=[one for one in lost.attempts if one.inference_id in orphaned])


async def drop_it(self: Any, begun: Any, *_more: Any, **_how: Any) -> None:
    self.release(begun.work)


async def nothing(_self: object) -> Overdue:
    return Overdue((), ())


def on_the_topic(row: Any, _claimed: object) -> bool:
    return row["request_partition"] is not None


_decide = orphans.decide


def as_if_claimed(orphan: Orphan, _committed: object, max_deliveries: int, now: Any) -> orphans.Action:
    return _decide(orphan, {orphan.request_partition: orphan.request_offset + 1}, max_deliveries, now)


_publish = Completing._publish


async def under_a_new_id(self: Completing, order: Any, inference_id: UUID, **how: bool) -> None:
    await _publish(self, order, new_id() if how.get("republished") else inference_id, **how)


async def wait_anew(self: Any, order: Order, inference_id: UUID, future: Any) -> Any:
    try:
        async with asyncio.timeout(order.remaining_s + self._grace_s):
            return await future
    except TimeoutError:
        raise InferenceFailedError(failure("expired", "no answer"), inference_id) from None


async def mark_first(self: Any, key: Any, publish: Any, *, republished: bool) -> None:
    await self._keys.key_published(key, self._now())
    await publish(republished)


async def at_once(_self: object) -> bool:
    return True


async def settle_beside_the_result(self: Any, request: Any, traceparent: Any, events: Any, reply: Any) -> None:
    outgoing = [Outgoing(OUTCOMES, event, traceparent) for event in events]
    if request.store_result:
        outgoing.append(Outgoing(RESULTS, reply.event, traceparent))
    if request.reply_partition is not None:
        outgoing.append(Outgoing(REPLIES, reply.event, traceparent, request.reply_partition))
    await self._publisher.publish_until_acked(*outgoing)


def without_bulk(group: str) -> dict[Topic, str]:
    return {REQUESTS: group}
