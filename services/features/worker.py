"""Take jobs, keep them while they run, settle them once.

A job is this worker's while its lease is renewed. A worker that cannot renew stops what it does before the lease ends,
and another one goes on from the last finished step. The final word is in the database before it is said, so that
whoever says it says the same.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, NamedTuple
from uuid import UUID

import structlog

from services.features import outcomes
from services.features.database import DatabaseAwayError
from services.features.outcomes import Outcome
from services.features.store import FeaturesStore, TakenJob
from shared.background import end_task
from shared.db.pool import RETRYABLE
from shared.errors import TallygateError
from shared.events import (
    CancelRequested,
    Event,
    FeatureCall,
    FeatureCancelRequested,
    FeatureProgressed,
    FeatureRequested,
    FeatureSettled,
    FeatureStarted,
    FeatureStep,
    utc_now,
)
from shared.events.topics import CANCELLATIONS, FEATURE_OUTCOMES, FEATURE_PROGRESS, Topic
from shared.kafka.publisher import Outgoing, Publisher
from shared.telemetry import instruments

logger = structlog.get_logger(__name__)

_LOOK_EVERY_S = 1.0
_RETRY_S = 0.5
_LAST_TAKE_S = 5.0
_REMEMBERED = 10_000  # cancellations, also of jobs that others have

Why = Literal["cancelled", "lost", "stopping"]


class WorkerSettings(NamedTuple):
    worker_id: str
    max_jobs: int
    max_deliveries: int
    lease_s: float


class JobHandle:
    """One job in this worker's hands: what it is, and a way to say where it is."""

    def __init__(self, taken: TakenJob, request: FeatureRequested, worker: "Worker") -> None:
        self.taken = taken
        self.request = request
        self._worker = worker

    async def tell(self, step: FeatureStep, message: str = "") -> None:
        """Progress is news, not books: when it cannot be published it is left out."""
        request = self.request
        event = FeatureProgressed(
            feature_id=request.feature_id,
            tenant_id=request.tenant_id,
            worker_id=self._worker.settings.worker_id,
            step=step,
            message=message[:500],
            progressed_at=utc_now(),
        )
        try:
            await self._worker.publisher.publish(Outgoing(FEATURE_PROGRESS, event, self.taken.traceparent))
        except TallygateError as error:
            logger.warning("progress.not_published", reason=error.failure.detail)


Run = Callable[[JobHandle], Awaitable[Outcome]]
CallsOf = Callable[[FeatureRequested], Awaitable[tuple[FeatureCall, ...]]]


class Worker:
    def __init__(
        self, settings: WorkerSettings, store: FeaturesStore, publisher: Publisher, run: Run, calls_of: CallsOf
    ) -> None:
        self.settings = settings
        self.publisher = publisher
        self._store = store
        self._run_job = run
        self._calls_of = calls_of
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._tenants: dict[UUID, str] = {}
        self._why: dict[UUID, Why] = {}
        self._cancelled: OrderedDict[UUID, str] = OrderedDict()
        self._wake = asyncio.Event()
        self._stopping = False
        self._loops: list[asyncio.Task[None]] = []
        self._renewed_at = 0.0

    def start(self) -> None:
        self._renewed_at = asyncio.get_running_loop().time()
        self._loops = [
            asyncio.create_task(self._take_jobs(), name="take jobs"),
            asyncio.create_task(self._renew_leases(), name="renew leases"),
        ]

    async def stop(self) -> None:
        """Jobs in hand are given back: the next worker goes on from their last finished step."""
        self._stopping = True
        self._wake.set()
        if self._loops:
            # A job that the database is giving us at this moment would wait for its lease: it is given back, too.
            await asyncio.wait(self._loops[:1], timeout=_LAST_TAKE_S)
            await end_task(self._loops[0])
        await asyncio.sleep(0)  # a task that is cancelled before its first step could not give anything back
        for feature_id in list(self._tasks):
            self._end(feature_id, "stopping")
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        for loop in self._loops:
            await end_task(loop)

    @property
    def running(self) -> bool:
        return bool(self._loops) and not any(loop.done() for loop in self._loops)

    @property
    def in_hand(self) -> int:
        return len(self._tasks)

    def job_came(self) -> None:
        self._wake.set()

    def heard(self, event: Event) -> None:
        """A cancellation; it may come before the job does. Asked for again, it does not disturb what it has begun."""
        if not isinstance(event, FeatureCancelRequested):
            return
        self._cancelled[event.feature_id] = event.tenant_id
        while len(self._cancelled) > _REMEMBERED:
            self._cancelled.popitem(last=False)
        if self._tenants.get(event.feature_id) == event.tenant_id and event.feature_id not in self._why:
            self._end(event.feature_id, "cancelled")

    def _end(self, feature_id: UUID, why: Why) -> None:
        if (task := self._tasks.get(feature_id)) is not None:
            self._why.setdefault(feature_id, why)
            task.cancel()

    async def _take_jobs(self) -> None:
        while not self._stopping:
            try:
                taken = await self._next()
            except RETRYABLE as error:
                logger.warning("jobs.not_taken", reason=type(error).__name__)
                await asyncio.sleep(_RETRY_S)
                continue
            except Exception:
                logger.exception("jobs.not_taken")
                await asyncio.sleep(_RETRY_S)
                continue
            if taken is None:
                await self._something_to_do()
                continue
            if taken.feature_id in self._tasks:
                continue  # this process slept past its own lease; the job goes on, and is its own again
            task = asyncio.create_task(self._work(taken), name=f"feature {taken.feature_id}")
            self._tasks[taken.feature_id] = task
            self._tenants[taken.feature_id] = taken.tenant_id
            task.add_done_callback(partial(self._forget, taken.feature_id))
            instruments.features_in_hand.set(len(self._tasks))

    async def _next(self) -> TakenJob | None:
        if len(self._tasks) >= self.settings.max_jobs:
            return None
        return await self._store.take_job(self.settings.worker_id, self.settings.lease_s)

    async def _something_to_do(self) -> None:
        """A new job wakes at once; one whose worker died is found by looking."""
        try:
            async with asyncio.timeout(_LOOK_EVERY_S):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    def _forget(self, feature_id: UUID, _: asyncio.Task[None]) -> None:
        self._tasks.pop(feature_id, None)
        self._tenants.pop(feature_id, None)
        self._why.pop(feature_id, None)
        instruments.features_in_hand.set(len(self._tasks))
        self._wake.set()

    async def _renew_leases(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.settings.lease_s / 4)
            held, asked_at = list(self._tasks), loop.time()
            still = await self._renewed(held)
            if still is not None:
                self._renewed_at = asked_at  # the leases began no earlier
                lost = [one for one in held if one not in still]
            else:
                # Stop before anybody else may begin.
                lost = held if loop.time() - self._renewed_at > self.settings.lease_s / 2 else []
            for feature_id in lost:
                self._end(feature_id, "lost")

    async def _renewed(self, held: list[UUID]) -> set[UUID] | None:
        """The jobs that are still this worker's; None when the database did not say, whatever the reason."""
        try:
            async with asyncio.timeout(self.settings.lease_s / 4):
                return await self._store.renew(self.settings.worker_id, held, self.settings.lease_s)
        except RETRYABLE as error:
            logger.warning("leases.not_renewed", reason=type(error).__name__, jobs=len(held))
        except Exception:
            logger.exception("leases.not_renewed", jobs=len(held))
        return None

    async def _work(self, taken: TakenJob) -> None:
        request = FeatureRequested.decoded(taken.event)
        try:
            if taken.settled_event is not None:
                await self._say(FeatureSettled.decoded(taken.settled_event), taken)
                return
            outcome = await self._outcome(taken, request)
            await self._settle(taken, request, outcome)
        except asyncio.CancelledError:
            await self._cut_short(taken, request)
        except RETRYABLE as error:
            # The lease ends by itself, and whoever takes the job then goes on from the last finished step.
            logger.warning("job.left", reason=type(error).__name__, feature_id=str(taken.feature_id))
        except Exception:
            logger.exception("job.left", feature_id=str(taken.feature_id))

    async def _outcome(self, taken: TakenJob, request: FeatureRequested) -> Outcome:
        if self._cancelled.get(request.feature_id) == request.tenant_id:
            return outcomes.cancelled()
        if taken.delivery > self.settings.max_deliveries:
            return outcomes.workers_lost(taken.delivery - 1)
        remaining_s = (request.expires_at - utc_now()).total_seconds()
        if remaining_s <= 0:
            return outcomes.expired("the deadline had passed when a worker took the job")
        handle = JobHandle(taken, request, self)
        try:
            async with asyncio.timeout(remaining_s) as deadline:
                await self._publish(FEATURE_PROGRESS, self._started(taken, request), taken)
                return await self._run_job(handle)
        except DatabaseAwayError:
            raise  # the job goes on when it is back
        except TallygateError as error:
            return outcomes.failed(error.failure)
        except Exception as error:
            if deadline.expired():
                return outcomes.expired("the deadline passed while the job ran")
            logger.exception("job.failed", feature_id=str(request.feature_id))
            return outcomes.crashed(error)

    def _started(self, taken: TakenJob, request: FeatureRequested) -> FeatureStarted:
        return FeatureStarted(
            feature_id=request.feature_id,
            tenant_id=request.tenant_id,
            worker_id=self.settings.worker_id,
            delivery=taken.delivery,
            generator=request.generator,
            accepted_at=request.accepted_at,
            started_at=utc_now(),
            deadline_at=request.expires_at,
        )

    async def _settle(self, taken: TakenJob, request: FeatureRequested, outcome: Outcome) -> None:
        """Written, said, and then done: dying in between changes nothing of what is said."""
        if not outcome.calls:
            outcome = outcome._replace(calls=await self._known_calls(request))
        settled = outcomes.settled(request, outcome, taken.delivery, self.settings.worker_id)
        if await self._store.settling(self.settings.worker_id, taken.feature_id, settled.encoded()):
            await self._say(settled, taken)
        else:
            # Another worker's by now, which this leaves as it is; or a word is written, and whoever is next says it.
            await self._store.give_back(self.settings.worker_id, taken.feature_id)

    async def _known_calls(self, request: FeatureRequested) -> tuple[FeatureCall, ...]:
        """An account that cannot be given does not keep a job from its end: the calls are in the books all the same."""
        try:
            return await self._calls_of(request)
        except DatabaseAwayError:
            raise
        except Exception:
            logger.exception("job.calls_unknown", feature_id=str(request.feature_id))
            return ()

    async def _cancel_calls(self, taken: TakenJob, tenant_id: str) -> None:
        """Nobody waits any more for the calls of a job that was cancelled, or expired, or lost its workers."""
        for inference_id in await self._store.open_calls(taken.feature_id):
            cancelled = CancelRequested(inference_id=inference_id, tenant_id=tenant_id)
            await self._publish(CANCELLATIONS, cancelled, taken)

    async def _say(self, settled: FeatureSettled, taken: TakenJob) -> None:
        await self._cancel_calls(taken, settled.tenant_id)
        await self._publish(FEATURE_OUTCOMES, settled, taken)
        await self._store.settled(taken.feature_id, utc_now())
        instruments.features.labels(settled.settlement, settled.error.error_type if settled.error else "").inc()

    async def _cut_short(self, taken: TakenJob, request: FeatureRequested) -> None:
        why = self._why.get(taken.feature_id, "stopping")
        try:
            if why == "cancelled":
                await self._settle(taken, request, outcomes.cancelled())
            elif why == "stopping":
                await self._store.give_back(self.settings.worker_id, taken.feature_id)
        except RETRYABLE as error:
            logger.warning("job.not_given_back", reason=type(error).__name__, feature_id=str(taken.feature_id))

    async def _publish(self, topic: Topic, event: Event, taken: TakenJob) -> None:
        """Waits for the broker as long as it takes; the lease says whether it still matters."""
        await self.publisher.publish_until_acked(Outgoing(topic, event, taken.traceparent))
