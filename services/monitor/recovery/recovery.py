"""Recover lost work: close the open attempts of dead routers, and redeliver what they had claimed (decision 0008).
Settle what is open long after its deadline (decision 0023).

One monitor at a time does this (a lease): two would redeliver the same requests. A pass acts only on what is certain:
everything that was on the topics when the router group's offsets were read is booked, and where it matters who lives,
the heartbeats were read to their end. So an attempt that another router has started since is known, and nothing is
redelivered twice.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

import structlog

from services.monitor import instruments
from services.monitor.recovery import orphans
from services.monitor.recovery.claimed import Claimed, ClaimsSeen
from services.monitor.recovery.each import each
from services.monitor.recovery.lease import Lease, LeaseLostError
from services.monitor.recovery.liveness import Liveness, SeenRouter
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.orphans import LostAttempt, Orphan
from services.monitor.recovery.requests import RequestReader
from services.monitor.recovery.store import RecoveryStore, Redelivered
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.errors import TallygateError
from shared.events import AttemptEnded, Event, Now, RouterHeartbeat, utc_now
from shared.events.topics import HEARTBEATS, OUTCOMES, REPLIES, RESULTS, requests_topic
from shared.kafka import KafkaError
from shared.kafka.follow import Follower
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from shared.telemetry.attempts import attempts, model_label
from shared.telemetry.settlements import settlements

logger = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_AT_ONCE = 64  # of what is closed, settled and redelivered
_MOST_OVERDUE = 1000  # of one look; the next one goes on

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RecoverySettings:
    """monitor_id: of one life of a process. lease_s: how long a monitor that falls silent keeps the others from it.
    grace_s: how long after its deadline an inference may stay open. tell_model_names: metrics name tenants' models."""

    monitor_id: str
    max_deliveries: int = 5
    lease_s: float = 15.0
    grace_s: float = 60.0
    tell_model_names: bool = False


class LostWork(NamedTuple):
    """attempts: open ones of dead routers. orphans: unsettled inferences that were claimed and that nobody works on."""

    attempts: Sequence[LostAttempt]
    orphans: Sequence[Orphan]


class Overdue(NamedTuple):
    """What is open longer than anybody may need."""

    attempts: Sequence[LostAttempt]
    inferences: Sequence[Orphan]


class Recovery:
    def __init__(
        self, settings: RecoverySettings, store: RecoveryStore, publisher: Publisher, offsets: Offsets,
        requests: RequestReader, now: Now = utc_now,
    ) -> None:  # fmt: skip
        self._settings = settings
        self._store = store
        self._publisher = publisher
        self._heartbeats = Follower(publisher.broker, {HEARTBEATS: self._heard})
        self._liveness = Liveness()
        self._claims = ClaimsSeen()
        self._offsets = offsets
        self._requests = requests
        self._orphans = 0
        self._hanging: set[int] = set()  # partitions of which a request was not read in time, in the pass of now
        self._lease = Lease(store, settings.monitor_id, settings.lease_s)
        self._now = now
        retried = (*RETRYABLE, KafkaError, LeaseLostError)
        self._looking = Periodic("recovery", self._look, _LOOK_EVERY_S, retried)

    async def start(self) -> None:
        await self._heartbeats.start()
        await self._looking.start()

    async def stop(self) -> None:
        await self._looking.stop()
        await self._heartbeats.stop()

    def routers(self) -> list[SeenRouter]:
        """Those that were heard in the last minute."""
        return self._liveness.seen(asyncio.get_running_loop().time())

    @property
    def orphans_open(self) -> int:
        """How many claimed inferences no living router worked on, at the last look."""
        return self._orphans

    async def redelivered(self, since: datetime, most: int) -> list[Redelivered]:
        return await self._store.redelivered_since(since, most)

    def _heard(self, event: Event) -> None:
        if isinstance(event, RouterHeartbeat):
            self._liveness.heard(event, asyncio.get_running_loop().time())

    async def _look(self) -> None:
        hears_routers = await self._listen()
        if not await self._store.is_work_open():  # as most of the time where little is asked for
            self._tell_lost(0)
            instruments.overdue.set(0)
            return
        if not (any(await self._overdue()) or (hears_routers and any(await self._lost_work(await self._claimed())))):
            return
        async with self._lease.turn() as mine:
            if mine:
                await self._recover()

    async def _listen(self) -> bool:
        """Whether silence counts: only when the topic was read to its end. Heartbeats that wait there unread would make
        routers look dead, and calls that they are making would be made again."""
        if not await self._heartbeats.caught_up():
            return False
        now_s = asyncio.get_running_loop().time()
        self._liveness.looked(now_s)
        instruments.routers_alive.set(len(self._liveness.alive(now_s)))
        return True

    async def _claimed(self) -> Claimed:
        return self._claims.saw(await self._offsets.of_routers(), asyncio.get_running_loop().time())

    async def _lost_work(self, claimed: Claimed) -> LostWork:
        routers, now_s = await self._store.routers_with_open_work(), asyncio.get_running_loop().time()
        dead = sorted(self._liveness.dead(routers, now_s))
        lost = LostWork(await self._store.lost_attempts(dead) if dead else (), await self._store.orphans(dead, claimed))
        self._tell_lost(len(lost.orphans))
        return lost

    def _tell_lost(self, orphans: int) -> None:
        self._orphans = orphans
        instruments.orphans.set(orphans)

    async def _overdue(self) -> Overdue:
        grace_s = self._settings.grace_s
        overdue = Overdue(
            await self._store.overdue_attempts(grace_s, _MOST_OVERDUE),
            await self._store.overdue(grace_s, _MOST_OVERDUE),
        )
        instruments.overdue.set(sum(map(len, overdue)))
        return overdue

    async def _recover(self) -> None:
        # The offsets are read before the wait. Of a claim that they showed long ago, what its router put on record lies
        # before the ends that are waited for, and is booked by then. Offsets read later could show a claim whose
        # attempt is not booked yet, and a request that another router works on would be redelivered.
        claimed = await self._claimed()
        if not await self._offsets.booked_to_the_end():
            return
        await self._sweep(await self._overdue())
        # Heartbeats and lost work are read again, now that the books are complete: a router that was frozen and goes on
        # may have claimed meanwhile, and by what was heard of it before, these calls would be made a second time.
        if not await self._heartbeats.caught_up():
            return
        lost = await self._lost_work(claimed)
        self._hanging.clear()
        await self._each(lost.attempts, self._close)
        await self._each(lost.orphans, lambda orphan: self._recover_one(orphan, claimed))

    async def _each(self, items: Sequence[T], work: Callable[[T], Awaitable[None]]) -> None:
        """Several at a time, in their order. What is wrong with one of them must not keep the others from their end."""

        async def guarded(item: T) -> None:
            try:
                await work(item)
            except UnpublishableError:
                logger.exception("recovery.unpublishable", item=type(item).__name__)
            except (*RETRYABLE, KafkaError, TallygateError, LeaseLostError):
                raise  # the database, the broker or the lease: it would go wrong with every one of them
            except Exception:
                logger.exception("recovery.failed", item=type(item).__name__)

        await each(items, guarded, _AT_ONCE)

    async def _sweep(self, overdue: Overdue) -> None:
        """Nothing stays open, whoever has it and for whatever reason. Should a router speak later, its word is late."""
        await self._each(overdue.attempts, self._sweep_attempt)
        await self._each(overdue.inferences, lambda one: self._settle(one, "sweep"))
        for one in overdue.inferences:
            instruments.recovered.labels("sweep").inc()
            logger.warning("inference.swept", inference_id=str(one.inference_id), router=one.router_id)

    async def _sweep_attempt(self, attempt: LostAttempt) -> None:
        await self._end(orphans.swept(attempt, self._settings.monitor_id, self._now()))

    async def _close(self, attempt: LostAttempt) -> None:
        await self._end(orphans.closed(attempt, self._settings.monitor_id, self._now()))

    async def _end(self, ended: AttemptEnded) -> None:
        await self._say(Outgoing(OUTCOMES, ended))
        model = model_label(ended.model, told=self._settings.tell_model_names)
        attempts.labels(model, ended.outcome, ended.error.error_type if ended.error else "").inc()

    async def _recover_one(self, orphan: Orphan, claimed: Claimed) -> None:
        action = orphans.decide(orphan, claimed.now, self._settings.max_deliveries, self._now())
        if await self._act(orphan, action):
            instruments.recovered.labels(action).inc()
            logger.info("orphan.recovered", action=action, inference_id=str(orphan.inference_id),
                        router=orphan.router_id, delivery=orphan.delivery)  # fmt: skip

    async def _act(self, orphan: Orphan, action: orphans.Action) -> bool:
        """Whether something was done."""
        match action:
            case "leave":
                return False
            case "redeliver":
                return await self._redeliver(orphan)
            case _:
                await self._settle(orphan, action)
                return True

    async def _redeliver(self, orphan: Orphan) -> bool:
        """Whether the request was redelivered or settled.

        The intention is a row, written before the publish and marked after the ack. Until the request is booked, the
        books show the orphan unchanged, so without the mark each pass would publish it again. A row without a mark,
        left by a monitor that died before the ack, is published again by the next pass.
        """
        delivery = orphan.delivery + 1
        if orphan.request_partition in self._hanging:
            return False
        if not await self._store.intend_redelivery(orphan, delivery, self._now(), self._lease.holder):
            return False  # it was published before, and waits for a router
        try:
            found = await self._requests.read(orphan)
        except TimeoutError:  # the next pass asks again; the others do not wait for it
            self._hanging.add(orphan.request_partition)
            logger.warning("request.not_read", inference_id=str(orphan.inference_id))
            return False
        if found is None:  # its time on the topic has passed, or a router has made a dead letter of it
            await self._settle(orphan, "unreadable")
            return True
        request, traceparent = found
        # republished: a monitor that was frozen right before its publish, and wakes up, puts it on the topic twice.
        again = request.model_copy(
            update={
                "delivery": delivery,
                "attempts_made": orphan.attempts_made,
                "accepted_at": orphan.accepted_at,
                "republished": True,
            }
        )
        try:
            await self._say(Outgoing(requests_topic(again.priority), again, traceparent))
        except UnpublishableError:
            logger.exception("redelivery.unpublishable", inference_id=str(orphan.inference_id))
            await self._settle(orphan, "give_up")
            return True
        await self._store.redelivered(orphan.inference_id, delivery, self._now())
        return True

    async def _settle(self, orphan: Orphan, action: orphans.Action) -> None:
        word = orphans.settled(orphan, action, self._settings.monitor_id, self._now())
        answer = orphans.reply(orphan, word)
        if orphan.store_result:  # before the books say that there is one
            await self._say(Outgoing(RESULTS, answer))
        outgoing = [Outgoing(OUTCOMES, word)]
        if orphan.reply_partition is not None:
            outgoing.append(Outgoing(REPLIES, answer, None, orphan.reply_partition))
        await self._say(*outgoing)
        settlements.labels(word.settlement, word.error.error_type if word.error else "").inc()

    async def _say(self, *outgoing: Outgoing) -> None:
        """Raises LeaseLostError, and says nothing, when this monitor was frozen since it decided: another one may have
        decided otherwise."""
        await self._lease.keep()
        await self._publisher.publish(*outgoing)
