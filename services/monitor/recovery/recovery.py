"""Recover lost work: close the open attempts of dead routers, and redeliver what they had claimed (decision 0008).

One monitor at a time does this (an advisory lock): two would redeliver the same requests. A pass acts only on what is
certain: the heartbeats were read to their end, and everything that was on the topics when the router group's offsets
were read is booked. So an attempt that another router has started since is known, and nothing is redelivered twice.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog

from services.monitor.recovery import orphans
from services.monitor.recovery.liveness import Liveness
from services.monitor.recovery.offsets import Offsets
from services.monitor.recovery.orphans import LostAttempt, Orphan
from services.monitor.recovery.requests import RequestReader
from services.monitor.recovery.store import RecoveryStore
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.events import Event, Now, RouterHeartbeat, utc_now
from shared.events.topics import HEARTBEATS, OUTCOMES, REPLIES, REQUESTS, RESULTS
from shared.kafka import KafkaError
from shared.kafka.follow import Follower
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from shared.telemetry import instruments

logger = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0


class LostWork(NamedTuple):
    """attempts: open ones of dead routers. orphans: unsettled inferences of dead routers, and what was handed back."""

    attempts: Sequence[LostAttempt]
    orphans: Sequence[Orphan]


class Recovery:
    def __init__(
        self, monitor_id: str, store: RecoveryStore, publisher: Publisher, offsets: Offsets, requests: RequestReader,
        max_deliveries: int, now: Now = utc_now,
    ) -> None:  # fmt: skip
        self._monitor_id = monitor_id
        self._store = store
        self._publisher = publisher
        self._heartbeats = Follower(publisher.broker, HEARTBEATS, self._heard)
        self._liveness = Liveness()
        self._offsets = offsets
        self._requests = requests
        self._max_deliveries = max_deliveries
        self._now = now
        self._looking = Periodic("recovery", self._look, _LOOK_EVERY_S, (*RETRYABLE, KafkaError))

    async def start(self) -> None:
        await self._heartbeats.start()
        await self._looking.start()

    async def stop(self) -> None:
        await self._looking.stop()
        await self._heartbeats.stop()

    def _heard(self, event: Event) -> None:
        if isinstance(event, RouterHeartbeat):
            self._liveness.heard(event, asyncio.get_running_loop().time())

    async def _look(self) -> None:
        # Silence counts only when the topic was read to its end: heartbeats that wait there unread would make routers
        # look dead, and calls that they are making would be made again.
        if not await self._heartbeats.caught_up():
            return
        self._liveness.looked(asyncio.get_running_loop().time())
        if not any(await self._lost_work()):
            return
        async with self._store.recovery_lock() as mine:
            if mine:
                await self._recover()

    async def _lost_work(self) -> LostWork:
        routers = await self._store.routers_with_open_work()
        dead = sorted(self._liveness.dead(routers, asyncio.get_running_loop().time()))
        return LostWork(await self._store.lost_attempts(dead) if dead else (), await self._store.orphans(dead))

    async def _recover(self) -> None:
        # The offsets are read before the wait. A claim that they show had its AttemptStarted acked before its commit,
        # so that lies before the ends that are waited for, and is booked by then. Offsets read later could show a claim
        # whose attempt is not booked yet, and a request that another router works on would be redelivered.
        committed = await self._offsets.of_routers()
        if not await self._offsets.booked_to_the_end():
            return
        # Heartbeats and lost work are read again, now that the books are complete: a router that was frozen and goes on
        # may have claimed meanwhile, and by what was heard of it before, these calls would be made a second time.
        if not await self._heartbeats.caught_up():
            return
        lost = await self._lost_work()
        await self._close(lost.attempts)
        for orphan in lost.orphans:
            try:
                await self._recover_one(orphan, committed)
            except UnpublishableError:  # what one of them holds must not keep the others from their end
                logger.exception("orphan.unpublishable", inference_id=str(orphan.inference_id))

    async def _recover_one(self, orphan: Orphan, committed: Mapping[int, int]) -> None:
        action = orphans.decide(orphan, committed, self._max_deliveries, self._now())
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

    async def _close(self, attempts: Sequence[LostAttempt]) -> None:
        words = [orphans.closed(attempt, self._monitor_id, self._now()) for attempt in attempts]
        if words:
            await self._publisher.publish(*(Outgoing(OUTCOMES, word) for word in words))

    async def _redeliver(self, orphan: Orphan) -> bool:
        """Whether the request was redelivered or settled.

        The intention is a row, written before the publish and marked after the ack. Until a router takes the request,
        the books show the orphan unchanged, so without the mark each pass would publish it again. A row without a mark,
        left by a monitor that died before the ack, is published again by the next pass.
        """
        delivery = orphan.delivery + 1
        if not await self._store.intend_redelivery(orphan, delivery, self._now()):
            return False  # it was published before, and waits for a router
        try:
            found = await self._requests.read(orphan)
        except TimeoutError:  # the next pass asks again; the others do not wait for it
            logger.warning("request.not_read", inference_id=str(orphan.inference_id))
            return False
        if found is None:
            await self._settle(orphan, "give_up")
            return True
        request, traceparent = found
        again = request.model_copy(
            update={"delivery": delivery, "attempts_made": orphan.attempts_made, "accepted_at": orphan.accepted_at}
        )
        try:
            await self._publisher.publish(Outgoing(REQUESTS, again, traceparent))
        except UnpublishableError:
            logger.exception("redelivery.unpublishable", inference_id=str(orphan.inference_id))
            await self._settle(orphan, "give_up")
            return True
        await self._store.redelivered(orphan.inference_id, delivery, self._now())
        return True

    async def _settle(self, orphan: Orphan, action: orphans.Action) -> None:
        now = self._now()
        word = orphans.settled(orphan, action, self._monitor_id, now)
        answer = orphans.reply(orphan, word)
        outgoing = [Outgoing(OUTCOMES, word)]
        if orphan.reply_partition is not None:
            outgoing.append(Outgoing(REPLIES, answer, None, orphan.reply_partition))
        if orphan.store_result:
            outgoing.append(Outgoing(RESULTS, answer))
        await self._publisher.publish(*outgoing)
