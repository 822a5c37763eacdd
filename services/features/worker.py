"""A job that this worker has leased is run, and settled once.

The settlement is in the database before it is published: a worker that dies in between leaves it there, and the next
one publishes the same event instead of running the job again and coming to another end.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from services.features import instruments, outcomes
from services.features.outcomes import Outcome
from services.features.store import FeaturesStore, TakenJob
from shared.db.database import DatabaseAwayError
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
from shared.jobs import Leases, LeaseSettings
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError

logger = structlog.get_logger(__name__)


class WorkerSettings(NamedTuple):
    leases: LeaseSettings
    max_deliveries: int  # workers that may be lost with one job

    @property
    def worker_id(self) -> str:
        return self.leases.worker_id


class JobHandle:
    """One job of this worker, and a way to report its progress."""

    def __init__(self, taken: TakenJob, request: FeatureRequested, worker: "Worker") -> None:
        self.taken = taken
        self.request = request
        self._worker = worker
        self._step: FeatureStep = "reading"

    async def tell(self, step: FeatureStep, message: str = "") -> None:
        """Publishes progress. It is for people and no record, so what the broker does not ack is left out."""
        self._step = step
        await self._tell(message[:500], None)

    async def written(self, characters: int) -> None:
        """How much of the answer to the call at hand has come, as `tell`."""
        await self._tell("", characters)

    async def _tell(self, message: str, characters: int | None) -> None:
        request = self.request
        event = FeatureProgressed(
            feature_id=request.feature_id,
            tenant_id=request.tenant_id,
            worker_id=self._worker.settings.worker_id,
            step=self._step,
            message=message,
            progressed_at=utc_now(),
            characters=characters,
        )
        try:
            await self._worker.publisher.publish(Outgoing(FEATURE_PROGRESS, event, self.taken.traceparent))
        except TallygateError as error:
            logger.warning("progress.not_published", reason=error.failure.detail)


Run = Callable[[JobHandle], Awaitable[Outcome]]
CallsOf = Callable[[FeatureRequested], Awaitable[tuple[FeatureCall, ...]]]


class Worker:
    """The `LeasedWork` of feature jobs, with the leases that hand it the jobs."""

    def __init__(
        self, settings: WorkerSettings, store: FeaturesStore, publisher: Publisher, run: Run, calls_of: CallsOf
    ) -> None:
        self.settings = settings
        self.publisher = publisher
        self.leases = Leases(settings.leases, store, self)
        self._store = store
        self._run_job = run
        self._calls_of = calls_of

    async def start(self) -> None:
        instruments.features_in_hand.set_function(lambda: self.leases.in_hand)
        await self.leases.start()

    async def stop(self) -> None:
        """Gives the jobs in hand back; the next worker goes on from their last finished step."""
        await self.leases.stop()

    def heard(self, event: Event) -> None:
        """For a Follower of cancellations; one may arrive before its job does."""
        if isinstance(event, FeatureCancelRequested):
            self.leases.cancel(event.tenant_id, event.feature_id)

    async def run(self, job: TakenJob) -> None:
        if job.settled_event is not None:
            await self._say(FeatureSettled.decoded(job.settled_event), job)
            return
        request = FeatureRequested.decoded(job.event)
        await self._settle(job, request, await self._outcome(job, request))

    async def cancelled(self, job: TakenJob) -> None:
        await self._settle(job, FeatureRequested.decoded(job.event), outcomes.cancelled())

    async def _outcome(self, job: TakenJob, request: FeatureRequested) -> Outcome:
        if job.delivery > self.settings.max_deliveries:
            return outcomes.workers_lost(job.delivery - 1)
        remaining_s = (request.expires_at - utc_now()).total_seconds()
        if remaining_s <= 0:
            return outcomes.expired("the deadline had passed when a worker took the job")
        handle = JobHandle(job, request, self)
        try:
            async with asyncio.timeout(remaining_s) as deadline:
                await self._publish(FEATURE_PROGRESS, self._started(job, request), job)
                return await self._run_job(handle)
        except DatabaseAwayError:
            raise  # no outcome: the job keeps its row, and goes on when the database is back
        except TallygateError as error:
            return outcomes.failed(error.failure)
        except Exception as error:
            if deadline.expired():
                return outcomes.expired("the deadline passed while the job ran")
            logger.exception("job.failed", feature_id=str(request.feature_id))
            return outcomes.crashed(error)

    def _started(self, job: TakenJob, request: FeatureRequested) -> FeatureStarted:
        return FeatureStarted(
            feature_id=request.feature_id,
            tenant_id=request.tenant_id,
            worker_id=self.settings.worker_id,
            delivery=job.delivery,
            generator=request.generator,
            accepted_at=request.accepted_at,
            started_at=utc_now(),
            deadline_at=request.expires_at,
        )

    async def _settle(self, job: TakenJob, request: FeatureRequested, outcome: Outcome) -> None:
        """Stored, then published, then marked as settled.

        Published before it was stored, a dying worker's settlement could be followed by a different one. Marked
        before it was published, it might never be published at all.
        """
        if not outcome.calls:
            outcome = outcome._replace(calls=await self._known_calls(request))
        settled = outcomes.settled(request, outcome, job.delivery, self.settings.worker_id)
        settled_event = await self._store.settling(self.settings.worker_id, job.job_id, settled.encoded())
        if settled_event is not None:
            await self._say(FeatureSettled.decoded(settled_event), job)

    async def _known_calls(self, request: FeatureRequested) -> tuple[FeatureCall, ...]:
        """The calls that the job made; empty when unknown: the books have them, so the job is settled anyway."""
        try:
            return await self._calls_of(request)
        except DatabaseAwayError:
            raise
        except Exception:
            logger.exception("job.calls_unknown", feature_id=str(request.feature_id))
            return ()

    async def _cancel_calls(self, job: TakenJob, tenant_id: str) -> None:
        """Cancels what is still in flight: nothing will use the answers once the job is settled."""
        for inference_id in await self._store.open_calls(job.job_id):
            cancelled = CancelRequested(inference_id=inference_id, tenant_id=tenant_id)
            await self._publish(CANCELLATIONS, cancelled, job)

    async def _say(self, settled: FeatureSettled, job: TakenJob) -> None:
        await self._cancel_calls(job, settled.tenant_id)
        try:
            await self._publish(FEATURE_OUTCOMES, settled, job)
        except UnpublishableError as error:
            settled = outcomes.without_result(settled, error.failure)
            await self._publish(FEATURE_OUTCOMES, settled, job)
        await self._store.settled(job.job_id, utc_now())
        instruments.features.labels(settled.settlement, settled.error.error_type if settled.error else "").inc()

    async def _publish(self, topic: Topic, event: Event, job: TakenJob) -> None:
        """Until it is acked. Losing the lease cancels the wait."""
        await self.publisher.publish_until_acked(Outgoing(topic, event, job.traceparent))
