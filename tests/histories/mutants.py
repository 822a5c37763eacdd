"""Each ordering that the promise rests on, broken on purpose: histories must notice.

A mutant replaces a method of the code under test while it is in force. `seed` is a history that notices it, and
`invariant` what that history finds broken first.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple
from unittest import mock
from uuid import UUID

from services.gateway.inference.completing import Completing
from services.gateway.inference.once import Once
from services.monitor.books import books
from services.monitor.recovery import orphans
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.orphans import Orphan
from services.monitor.recovery.recovery import LostWork, Overdue, Recovery
from services.router import claims, reports
from services.router.attempts import Attempts
from services.router.claims import Claims
from services.router.progress import OpenCall
from shared.errors import failure
from shared.events import new_id
from shared.inferences import InferenceFailedError, Inferences, Order
from shared.kafka import keeper, offsets
from shared.kafka.follow import Follower
from shared.kafka.publisher import Outgoing
from tests.histories.invariants import (
    ALIVE,
    ANSWERED,
    AUDIT,
    BOOKED,
    CALLED,
    COMPLETE,
    FIRST_WORD,
    FORWARD,
    LEFT_TO_KAFKA,
    ONE_KEY,
    OVER,
    SETTLED,
    SWEPT,
)
from tests.support.memory import monitor as memory

Patch = tuple[object, str, object]


class Mutant(NamedTuple):
    """what: the code does instead. seed: of the history that notices. invariant: that it finds broken."""

    name: str
    what: str
    patches: tuple[Patch, ...]
    seed: int
    invariant: str


@contextmanager
def in_force(mutant: Mutant) -> Iterator[None]:
    with ExitStack() as stack:
        for target, name, instead in mutant.patches:
            stack.enter_context(mock.patch.object(target, name, instead))
        yield


def _begin_all(self: Any, batch: Any, life: int) -> None:
    for begun, seat in batch.claimed:
        self._spawn(self._attempts.run(begun, life, partial(self._room.hold_answer, seat)), seat)
    for kept in batch.kept:
        self.waiting.keep(kept)
        self._spawn(self.waiting.run(kept, life), kept.seat)
    for declined in batch.declined:
        self._spawn(self._attempts.refuse(declined.refused))


async def _call_unacked(self: Any, records: Any, batch: Any, life: int) -> None:
    if records:
        self._kept = asyncio.create_task(self._put_on_record(batch))
        if await self._committed(records):
            _begin_all(self, batch, life)
        else:
            await self._hand_back(batch, was_claimed=False)


async def _call_first(self: Any, records: Any, batch: Any, life: int) -> None:
    if not records:
        return
    self._kept = asyncio.create_task(self._committed(records))
    await self._put_on_record(batch)
    _begin_all(self, batch, life)
    await self._kept


_committed = Claims._committed


async def _unfenced(self: Claims, records: Any) -> bool:
    await _committed(self, records)
    return True


async def _commit_again(self: Claims, records: Any) -> bool:
    """As a commit does that is tried again after a later one has succeeded."""

    async def again() -> None:
        await asyncio.sleep(5.0)
        await _committed(self, records)

    self._kept = asyncio.create_task(again())
    return await _committed(self, records)


async def _forget_it(self: Any, batch: Any, **_how: bool) -> None:
    for claim in batch.claimed:
        self._attempts.release(claim.begun.work)
    for claim in (*batch.claimed, *batch.kept):
        self.waiting.leave(claim.seat)


def _nothing_held(_batch: object) -> list[Outgoing]:
    return []


async def _sure(self: Any, progress: Any) -> None:
    pass


async def _start_unacked(self: Any, progress: Any, candidate: Any, traced: Any) -> Any:
    progress.calls += 1
    now = self._now()
    started = reports.attempt_started(progress.work, candidate, progress.calls, self._router_id, now)
    progress.newest, progress.open_call = started, OpenCall(candidate.model, started, now)
    told = self._settling.report(traced.traceparent, *progress.unreported, started)
    self._kept = asyncio.create_task(told)
    progress.unreported = []
    return started


async def _start_apart(self: Any, progress: Any, candidate: Any, traced: Any) -> Any:
    progress.calls += 1
    now = self._now()
    started = reports.attempt_started(progress.work, candidate, progress.calls, self._router_id, now)
    progress.newest, progress.open_call = started, OpenCall(candidate.model, started, now)
    await self._settling.report(traced.traceparent, *progress.unreported, started)
    progress.unreported.clear()
    return started


def _last_word(books_: Any, row: Any, column: str, event: Any) -> bool:
    books_.words[event.event_id] = event
    row[column] = event.event_id
    return True


def _newest_word(old: Any, new: Any, event_id: str, columns: Any) -> Any:
    return {name: (old if new[event_id] is None else new)[name] for name in columns}


async def _commit_unbooked(self: Any, records: Any) -> None:
    await self._started.wait()
    heard, records, _ = await self._read(records)
    await offsets.commit_if_ours(self._consumer, offsets.next_offsets(records))
    await self._kept(heard)


async def _commit_once(consumer: Any, committed: Any) -> None:
    try:
        if committed:
            await consumer.commit(committed)
    except Exception:  # noqa: BLE001 - as the code under test did it once
        return


_lost_work = Recovery._lost_work


async def _all_but_one(self: Recovery, claimed: Any) -> LostWork:
    lost = await _lost_work(self, claimed)
    return lost._replace(orphans=lost.orphans[1:])


async def _no_lost_attempts(self: Recovery, claimed: Any) -> LostWork:
    """Only those of orphans, as it was once."""
    lost = await _lost_work(self, claimed)
    orphaned = {orphan.inference_id for orphan in lost.orphans}
    return lost._replace(attempts=[one for one in lost.attempts if one.inference_id in orphaned])


async def _drop_it(self: Any, begun: Any, *_more: Any, **_how: Any) -> None:
    self.release(begun.work)


async def _nothing(_self: object) -> Overdue:
    return Overdue((), ())


def _on_the_topic(row: Any, _claimed: object) -> bool:
    return row["request_partition"] is not None


_decide = orphans.decide


def _as_if_claimed(orphan: Orphan, _committed: object, max_deliveries: int, now: Any) -> orphans.Action:
    return _decide(orphan, {orphan.request_partition: orphan.request_offset + 1}, max_deliveries, now)


_publish = Completing._publish


async def _under_a_new_id(self: Completing, order: Any, inference_id: UUID, **how: bool) -> None:
    await _publish(self, order, new_id() if how.get("republished") else inference_id, **how)


async def _wait_anew(self: Any, order: Order, inference_id: UUID, future: Any) -> Any:
    try:
        async with asyncio.timeout(order.remaining_s + self._grace_s):
            return await future
    except TimeoutError:
        raise InferenceFailedError(failure("expired", "no answer"), inference_id) from None


async def _mark_first(self: Any, key: Any, publish: Any, *, republished: bool) -> None:
    await self._keys.key_published(key, self._now())
    await publish(republished)


async def _at_once(_self: object) -> bool:
    return True


MUTANTS = (
    Mutant(
        "call before the ack", "calls are made when the claim has succeeded, while their starts are on their way",
        ((Claims, "_claim_prepared", _call_unacked),), 4, CALLED,
    ),
    Mutant(
        "call before the commit", "calls are made when their starts are acked, while the commit is on its way",
        ((Claims, "_claim_prepared", _call_first),), 4, CALLED,
    ),
    Mutant(
        "wait without a record", "what waits for its turn is claimed, and nothing on the topic says so",
        ((claims, "_holds", _nothing_held),), 31, OVER,
    ),
    Mutant(
        "ignore the fence", "calls are made although the commit failed",
        ((Claims, "_committed", _unfenced),), 10, CALLED,
    ),
    Mutant(
        "commit lower after higher", "a commit is tried again when a later one has succeeded",
        ((Claims, "_committed", _commit_again),), 1, FORWARD,
    ),
    Mutant(
        "drop a hand-back", "attempts whose claim failed get no outcome",
        ((Claims, "_hand_back", _forget_it),), 24, SWEPT,
    ),
    Mutant(
        "further call before its ack", "a retry or fallback is called while its start is on its way",
        ((Attempts, "_start_next", _start_unacked),), 1, CALLED,
    ),
    Mutant(
        "call after a silence", "a router that was silent for long calls for what it had claimed before",
        ((Attempts, "_be_sure_of", _sure),), 672, OVER,
    ),
    Mutant(
        "end without a start", "a call that is cut short while its start is on its way gets only its outcome on record",
        ((Attempts, "_start_next", _start_apart),), 6468, AUDIT,
    ),
    Mutant(
        "settle twice", "the last word counts, not the first",
        ((books, "_first_word", _last_word), (memory, "_first_word", _newest_word)), 91, FIRST_WORD,
    ),
    Mutant(
        "commit before booking", "offsets of events are committed before they are booked",
        ((keeper.Keeper, "on_batch", _commit_unbooked),), 1, BOOKED,
    ),
    Mutant(
        "commit once", "a commit of booked events that fails is not tried again",
        ((keeper, "commit_if_ours", _commit_once),), 31, SETTLED,
    ),
    Mutant(
        "forget an orphan", "one orphan of each look is left out",
        ((Recovery, "_lost_work", _all_but_one),), 109, SWEPT,
    ),
    Mutant(
        "forget the attempts of the settled", "open attempts of dead routers are closed only while nobody has settled",
        ((Recovery, "_lost_work", _no_lost_attempts),), 3546, SWEPT,
    ),
    Mutant(
        "redeliver the unclaimed", "recovery hands out what Kafka will deliver again",
        ((orphans, "decide", _as_if_claimed), (memory, "_is_claimed", _on_the_topic)), 26, LEFT_TO_KAFKA,
    ),
    Mutant(
        "drop what is claimed", "a living router forgets an inference that it has claimed",
        ((Attempts, "run", _drop_it),), 1, SWEPT,
    ),
    Mutant(
        "drop it and do not sweep", "as before, and nothing is closed a minute past its deadline",
        ((Attempts, "run", _drop_it), (Recovery, "_overdue", _nothing)), 1, SETTLED,
    ),
    Mutant(
        "take over under a new id", "who publishes in a dead one's place gives the request an id of its own",
        ((Completing, "_publish", _under_a_new_id),), 18, ONE_KEY,
    ),
    Mutant(
        "mark before the ack", "a key counts as published before its request is acked",
        ((Once, "_publish", _mark_first),), 45, ONE_KEY,
    ),
    Mutant(
        "wait anew", "who has waited for somebody else to publish then waits as long as its deadline once more",
        ((Inferences, "reply", _wait_anew),), 1670, ANSWERED,
    ),
    Mutant(
        "act half deaf", "routers count as silent although their heartbeats were not read to the end",
        ((Follower, "caught_up", _at_once),), 892, ALIVE,
    ),
    Mutant(
        "act on old books", "recovery does not wait until all is booked",
        ((Offsets, "booked_to_the_end", _at_once),), 127, COMPLETE,
    ),
)  # fmt: skip
