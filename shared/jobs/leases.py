"""Take jobs, and keep their leases while they run.

A job belongs to the worker that holds its lease. A worker that cannot renew a lease stops the job before the lease
ends, so that no two workers have the same job at once.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar
from uuid import UUID

import structlog

from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.memory import Memory

logger = structlog.get_logger(__name__)

_LAST_TAKE_S = 5.0
_REMEMBERED = 10_000  # cancellations; every worker hears those of all jobs

WhyEnded = Literal["cancelled", "lost", "stopping"]


class LeaseSettings(NamedTuple):
    """lease_s: how long a job stays with a worker that does not renew its lease.

    look_every_s: how often to look for jobs. New ones wake the worker; those of a dead worker are found by looking.
    """

    worker_id: str
    max_jobs: int
    lease_s: float
    look_every_s: float = 1.0
    retry_s: float = 0.5


class Job(Protocol):
    @property
    def job_id(self) -> UUID: ...
    @property
    def tenant_id(self) -> str: ...


J = TypeVar("J", bound=Job)
In = TypeVar("In", bound=Job, contravariant=True)
Out = TypeVar("Out", bound=Job, covariant=True)


class LeaseStore(Protocol[Out]):
    """What is needed of a LeasedTable, whose methods say what they promise."""

    async def take(self, worker_id: str, lease_s: float) -> Out | None: ...
    async def renew(self, worker_id: str, job_ids: Collection[UUID], lease_s: float) -> set[UUID]: ...
    async def give_back(self, worker_id: str, job_id: UUID) -> None: ...


class LeasedWork(Protocol[In]):
    """What is done with jobs. After an error the job is taken again, by any worker, when its lease has ended."""

    async def run(self, job: In) -> None:
        """Does the job, up to its settlement. Is cancelled (CancelledError) when the job must not go on here."""

    async def cancelled(self, job: In) -> None:
        """Settles a job that its caller cancelled; `run` was cancelled before, or was never called."""


@dataclass(eq=False, slots=True)
class _Held(Generic[J]):
    job: J
    task: "asyncio.Task[None]"
    why_ended: WhyEnded | None = None

    def end(self, why: WhyEnded) -> None:
        self.why_ended = self.why_ended or why
        self.task.cancel()


class Leases(Generic[J]):
    """At most `max_jobs` at once, each in a task of its own."""

    def __init__(self, settings: LeaseSettings, store: LeaseStore[J], work: LeasedWork[J]) -> None:
        self._settings = settings
        self._store = store
        self._work = work
        self._held: dict[UUID, _Held[J]] = {}
        self._cancelled: Memory[tuple[str, UUID], None] = Memory(_REMEMBERED)
        self._stopping = False
        self._renewed_at = 0.0
        self._taking = Periodic(
            "take jobs", self._take_jobs, settings.look_every_s, RETRYABLE, retry_s=settings.retry_s
        )
        self._renewing = Periodic("renew leases", self._renew_leases, settings.lease_s / 4, at_once=False)

    async def start(self) -> None:
        self._renewed_at = asyncio.get_running_loop().time()
        await self._taking.start()
        await self._renewing.start()

    async def stop(self) -> None:
        """Cancels the jobs in hand and gives their leases back, for other workers to take at once."""
        self._stopping = True
        # Let a `take` in flight end: cancelled after the database has granted the lease, no worker would run the job
        # until that lease ends.
        await self._taking.finish(_LAST_TAKE_S)
        await self._taking.stop()
        await asyncio.sleep(0)  # a task that is cancelled before its first step never reaches its own give_back
        held = list(self._held.values())
        for held_job in held:
            held_job.end("stopping")
        await asyncio.gather(*(held_job.task for held_job in held), return_exceptions=True)
        # Last: a job that takes long to stop would otherwise lose its lease, and another worker would begin meanwhile.
        await self._renewing.stop()

    @property
    def running(self) -> bool:
        return self._taking.running and self._renewing.running

    @property
    def in_hand(self) -> int:
        return len(self._held)

    def wake(self) -> None:
        """There may be a job to take."""
        self._taking.wake()

    def cancel(self, tenant_id: str, job_id: UUID) -> None:
        """Cancels a job, also one that is taken only later. A repeated cancellation is ignored: it would interrupt the
        settlement that the first one began."""
        self._cancelled.put((tenant_id, job_id), None)
        held = self._held.get(job_id)
        if held is not None and held.job.tenant_id == tenant_id and held.why_ended is None:
            held.end("cancelled")

    async def _take_jobs(self) -> None:
        """Until `max_jobs` are in hand, or none waits."""
        while not self._stopping and len(self._held) < self._settings.max_jobs:
            job = await self._store.take(self._settings.worker_id, self._settings.lease_s)
            if job is None:
                return
            # Held already: this process slept past the lease and has just taken its own job again. It goes on.
            if job.job_id not in self._held:
                self._begin(job)

    def _begin(self, job: J) -> None:
        task = asyncio.create_task(self._run(job), name=f"job {job.job_id}")
        self._held[job.job_id] = _Held(job, task)
        task.add_done_callback(lambda _: self._forget(job))

    def _forget(self, job: J) -> None:
        del self._held[job.job_id]
        self.wake()

    async def _run(self, job: J) -> None:
        try:
            await self._run_or_cut_short(job)
        except RETRYABLE as error:
            logger.warning("job.left", reason=type(error).__name__, job_id=str(job.job_id))
        except Exception:
            logger.exception("job.left", job_id=str(job.job_id))

    async def _run_or_cut_short(self, job: J) -> None:
        try:
            if (job.tenant_id, job.job_id) in self._cancelled:
                await self._work.cancelled(job)
            else:
                await self._work.run(job)
        except asyncio.CancelledError:
            match self._held[job.job_id].why_ended:
                case "cancelled":
                    await self._work.cancelled(job)
                case "lost":
                    pass  # another worker has it, or soon will: nothing more may be written or published for it here
                case _:
                    await self._store.give_back(self._settings.worker_id, job.job_id)

    async def _renew_leases(self) -> None:
        loop, lease_s = asyncio.get_running_loop(), self._settings.lease_s
        held, asked_at = set(self._held), loop.time()
        still = await self._renewed(held)
        if still is not None:
            # The time of the question, not of the answer: the database began the leases somewhere in between.
            self._renewed_at = asked_at
            self._lose(held - still)
        elif loop.time() - self._renewed_at > lease_s / 2:
            self._lose(held)  # at half of the lease: the jobs have the other half to stop before another worker begins

    async def _renewed(self, job_ids: set[UUID]) -> set[UUID] | None:
        """The jobs that are still this worker's; None when the database gave no answer in time."""
        try:
            async with asyncio.timeout(self._settings.lease_s / 4):
                return await self._store.renew(self._settings.worker_id, job_ids, self._settings.lease_s)
        except RETRYABLE as error:
            logger.warning("leases.not_renewed", reason=type(error).__name__, jobs=len(job_ids))
        except Exception:
            logger.exception("leases.not_renewed", jobs=len(job_ids))
        return None

    def _lose(self, job_ids: set[UUID]) -> None:
        for job_id in job_ids & self._held.keys():
            self._held[job_id].end("lost")
