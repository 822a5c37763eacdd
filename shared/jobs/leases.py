"""Take jobs, and keep them while they run.

A job is this worker's while its lease is renewed. A worker that cannot renew stops what it does before the lease ends,
so that nobody else has begun by then.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar
from uuid import UUID

import structlog

from shared.background import Periodic
from shared.db.pool import RETRYABLE
from shared.memory import Memory

logger = structlog.get_logger(__name__)

_LAST_TAKE_S = 5.0
_REMEMBERED = 10_000  # cancellations, also of jobs that others have

WhyEnded = Literal["cancelled", "lost", "stopping"]


class LeaseSettings(NamedTuple):
    """lease_s: a worker that is silent for so long has lost its jobs. look_every_s: jobs whose worker died are found
    by looking, others wake."""

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
    """What is needed of a LeasedTable; its methods say what they promise."""

    async def take(self, worker_id: str, lease_s: float) -> Out | None: ...
    async def renew(self, worker_id: str, job_ids: Collection[UUID], lease_s: float) -> set[UUID]: ...
    async def give_back(self, worker_id: str, job_id: UUID) -> None: ...


class LeasedWork(Protocol[In]):
    """What is done with jobs. An error that it raises leaves the job to whoever takes it when its lease has ended."""

    async def run(self, job: In) -> None:
        """Does the job, to its settlement. It is cut short (CancelledError) when the job is not to go on here."""

    async def cancelled(self, job: In) -> None:
        """Settles a job that is not wanted any more; `run` was cut short, or was never begun here."""


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
        """Jobs in hand are given back. They are renewed until then, so that nobody else begins before."""
        self._stopping = True
        # A job that the database is giving us at this moment would wait for its lease: it is given back, too.
        await self._taking.finish(_LAST_TAKE_S)
        await self._taking.stop()
        await asyncio.sleep(0)  # a task that is cancelled before its first step could not give anything back
        held = list(self._held.values())
        for one in held:
            one.end("stopping")
        await asyncio.gather(*(one.task for one in held), return_exceptions=True)
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
        """Of a job in hand, or of one that has yet to come. Asked for again, it does not disturb what it has begun."""
        self._cancelled.put((tenant_id, job_id), None)
        held = self._held.get(job_id)
        if held is not None and held.job.tenant_id == tenant_id and held.why_ended is None:
            held.end("cancelled")

    async def _take_jobs(self) -> None:
        """Until all hands are full, or nothing waits."""
        while not self._stopping and len(self._held) < self._settings.max_jobs:
            job = await self._store.take(self._settings.worker_id, self._settings.lease_s)
            if job is None:
                return
            if job.job_id not in self._held:  # else this process slept past its lease; the job goes on, its own again
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
                    pass  # another worker's by now, or soon: nothing more is said of it here
                case _:
                    await self._store.give_back(self._settings.worker_id, job.job_id)

    async def _renew_leases(self) -> None:
        loop, lease_s = asyncio.get_running_loop(), self._settings.lease_s
        held, asked_at = set(self._held), loop.time()
        still = await self._renewed(held)
        if still is not None:
            self._renewed_at = asked_at  # the leases began no earlier
            self._lose(held - still)
        elif loop.time() - self._renewed_at > lease_s / 2:
            self._lose(held)  # before anybody else may begin

    async def _renewed(self, job_ids: set[UUID]) -> set[UUID] | None:
        """The jobs that are still this worker's; None when the database did not say, whatever the reason."""
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
