"""Workers over one table of jobs, which do what a test says. The table decides as its SQL does."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from shared.events import new_id
from shared.jobs import Leases, LeaseSettings

OVER = float("-inf")  # a lease that has ended, or was never given


class Job(NamedTuple):
    job_id: UUID
    tenant_id: str


@dataclass
class Row:
    worker_id: str | None = None
    delivery: int = 0
    lease_until: float = OVER
    settled: bool = False


R = TypeVar("R", bound=Row)
J = TypeVar("J")


class FakeTable(Generic[R, J]):
    """A LeasedTable in memory. job: what is taken of a row.

    failing: what a method raises for as long as it stands there. hanging: methods that never answer.
    """

    def __init__(self, job: Callable[[UUID, R], J]) -> None:
        self.job = job
        self.rows: dict[UUID, R] = {}
        self.failing: dict[str, Exception] = {}
        self.hanging: set[str] = set()
        self.renewals = 0

    async def take(self, worker_id: str, lease_s: float) -> J | None:
        await self.may("take")
        for job_id, row in self.rows.items():
            if not row.settled and row.lease_until < now():
                row.worker_id, row.delivery, row.lease_until = worker_id, row.delivery + 1, now() + lease_s
                return self.job(job_id, row)
        return None

    async def renew(self, worker_id: str, job_ids: Collection[UUID], lease_s: float) -> set[UUID]:
        await self.may("renew")
        self.renewals += 1
        held = {job_id for job_id in job_ids if self.is_of(worker_id, job_id)}
        for job_id in held:
            self.rows[job_id].lease_until = now() + lease_s
        return held

    async def give_back(self, worker_id: str, job_id: UUID) -> None:
        await self.may("give_back")
        if self.is_of(worker_id, job_id):
            row = self.rows[job_id]
            row.worker_id, row.delivery, row.lease_until = None, row.delivery - 1, OVER

    def is_of(self, worker_id: str, job_id: UUID) -> bool:
        row = self.rows[job_id]
        return row.worker_id == worker_id and not row.settled

    async def may(self, method: str) -> None:
        await asyncio.sleep(0)
        if method in self.hanging:
            await asyncio.get_running_loop().create_future()
        if method in self.failing:
            raise self.failing[method]


class Work:
    """Jobs that wait until they may end. failing: what each raises then."""

    def __init__(self, table: FakeTable[Row, Job]) -> None:
        self.table = table
        self.began: list[UUID] = []
        self.cut_short: list[UUID] = []
        self.cancellations: list[UUID] = []
        self.may_end: defaultdict[UUID, asyncio.Event] = defaultdict(asyncio.Event)
        self.may_settle = asyncio.Event()
        self.may_settle.set()
        self.failing: Exception | None = None
        self.running = 0
        self.most_at_once = 0

    async def run(self, job: Job) -> None:
        self.began.append(job.job_id)
        self.running += 1
        self.most_at_once = max(self.running, self.most_at_once)
        try:
            await self.may_end[job.job_id].wait()
        except asyncio.CancelledError:
            self.cut_short.append(job.job_id)
            raise
        finally:
            self.running -= 1
        if self.failing is not None:
            raise self.failing
        self.table.rows[job.job_id].settled = True

    async def cancelled(self, job: Job) -> None:
        self.cancellations.append(job.job_id)
        await self.may_settle.wait()
        self.table.rows[job.job_id].settled = True


class Bench:
    """Everything that one test needs."""

    def __init__(self) -> None:
        self.table: FakeTable[Row, Job] = FakeTable(lambda job_id, _: Job(job_id, "acme"))
        self.work = Work(self.table)

    @asynccontextmanager
    async def worker(
        self, worker_id: str = "w1", *, max_jobs: int = 4, lease_s: float = 60.0, look_every_s: float = 1.0
    ) -> AsyncIterator[Leases[Job]]:
        """One more of them, which runs until the block ends."""
        settings = LeaseSettings(worker_id, max_jobs, lease_s, look_every_s)
        leases = Leases(settings, self.table, self.work)
        await leases.start()
        try:
            yield leases
        finally:
            await leases.stop()

    def add(self, row: Row | None = None) -> UUID:
        job_id = new_id()
        self.table.rows[job_id] = row or Row()
        return job_id

    async def settled(self, *job_ids: UUID) -> None:
        await until(lambda: all(self.table.rows[one].settled for one in job_ids))

    async def begun(self, job_id: UUID, times: int = 1) -> None:
        await until(lambda: self.work.began.count(job_id) == times)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def now() -> float:
    return asyncio.get_running_loop().time()
