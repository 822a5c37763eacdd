"""A worker with a database, a broker and jobs that do what a test says. The store decides as its SQL does."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from services.features import outcomes
from services.features.outcomes import Outcome
from services.features.store import FeaturesStore, TakenJob
from services.features.worker import JobHandle, Worker, WorkerSettings
from shared.errors import TallygateError
from shared.events import Event, FeatureCall, FeatureCancelRequested, FeatureRequested, FeatureSettled, new_id, utc_now
from shared.kafka.publisher import Outgoing, Publisher

CALL = FeatureCall(inference_id=new_id(), purpose="plan")


@dataclass
class Row:
    request: FeatureRequested
    worker_id: str | None = None
    delivery: int = 0
    lease_until: float = 0.0
    settled_event: bytes | None = None
    settled_at: datetime | None = None


class FakeStore:
    """failing: what a method raises for as long as it stands there. hanging: methods that never answer."""

    def __init__(self, did: list[str]) -> None:
        self.did = did
        self.rows: dict[UUID, Row] = {}
        self.calls: list[UUID] = []
        self.failing: dict[str, Exception] = {}
        self.hanging: set[str] = set()
        self.renewals = 0

    def add(self, *, given: timedelta = timedelta(minutes=5), **row: object) -> UUID:
        """given: until its deadline."""
        request = FeatureRequested(
            feature_id=new_id(), tenant_id="acme", sealed_input="sealed", deadline_at=utc_now() + given
        )
        self.rows[request.feature_id] = Row(request, **row)  # type: ignore[arg-type]
        return request.feature_id

    async def take_job(self, worker_id: str, lease_s: float) -> TakenJob | None:
        await self._may("take_job")
        for feature_id, row in self.rows.items():
            if row.settled_at is None and row.lease_until < _now():
                row.worker_id, row.delivery, row.lease_until = worker_id, row.delivery + 1, _now() + lease_s
                return TakenJob(feature_id, "acme", row.request.encoded(), None, row.delivery, row.settled_event)
        return None

    async def renew(self, worker_id: str, feature_ids: list[UUID], lease_s: float) -> set[UUID]:
        await self._may("renew")
        self.renewals += 1
        held = {one for one in feature_ids if self._is_of(worker_id, one)}
        for one in held:
            self.rows[one].lease_until = _now() + lease_s
        return held

    async def give_back(self, worker_id: str, feature_id: UUID) -> None:
        await self._may("give_back")
        if self._is_of(worker_id, feature_id):
            row = self.rows[feature_id]
            row.worker_id, row.delivery, row.lease_until = None, row.delivery - 1, 0.0

    async def settling(self, worker_id: str, feature_id: UUID, settled_event: bytes) -> bool:
        await self._may("settling")
        row = self.rows[feature_id]
        if not self._is_of(worker_id, feature_id) or row.settled_event is not None:
            return False
        row.settled_event = settled_event
        self.did.append("written")
        return True

    async def settled(self, feature_id: UUID, now: datetime) -> None:
        await self._may("settled")
        row = self.rows[feature_id]
        row.settled_at, row.settled_event = now, None
        self.did.append("done")

    async def open_calls(self, feature_id: UUID) -> list[UUID]:
        await asyncio.sleep(0)
        return list(self.calls) if feature_id in self.rows else []

    def _is_of(self, worker_id: str, feature_id: UUID) -> bool:
        row = self.rows[feature_id]
        return row.worker_id == worker_id and row.settled_at is None

    async def _may(self, method: str) -> None:
        await asyncio.sleep(0)
        if method in self.hanging:
            await asyncio.get_running_loop().create_future()
        if method in self.failing:
            raise self.failing[method]


class FakePublisher(Publisher):
    """refused: types of events that are not acked for as long as they stand there."""

    def __init__(self, did: list[str]) -> None:
        self.did = did
        self.events: list[Event] = []
        self.refused: set[str] = set()
        self.refusals = 0

    async def publish(self, *outgoing: Outgoing) -> None:
        await asyncio.sleep(0)
        for one in outgoing:
            kind = type(one.event).__name__
            if kind in self.refused:
                self.refusals += 1
                raise TallygateError("unavailable", "the broker did not acknowledge")
            self.events.append(one.event)
            self.did.append(kind)

    @property
    def settled(self) -> list[FeatureSettled]:
        return [one for one in self.events if isinstance(one, FeatureSettled)]


@dataclass
class Jobs:
    """What is done with jobs: each waits until it may end, and ends so."""

    began: list[UUID] = field(default_factory=list)
    cut_short: list[UUID] = field(default_factory=list)
    may_end: defaultdict[UUID, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event))
    end: Outcome | Exception = field(default_factory=lambda: outcomes.completed("result", (CALL,)))
    running: int = 0
    most_at_once: int = 0

    async def run(self, job: JobHandle) -> Outcome:
        feature_id = job.request.feature_id
        self.began.append(feature_id)
        self.running += 1
        self.most_at_once = max(self.running, self.most_at_once)
        try:
            await self.may_end[feature_id].wait()
        except asyncio.CancelledError:
            self.cut_short.append(feature_id)
            raise
        finally:
            self.running -= 1
        if isinstance(self.end, Exception):
            raise self.end
        return self.end


class Bench:
    """Everything that one test needs. did: what was written and said, in its order, but for what nobody counts on."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.store = FakeStore(self.did)
        self.publisher = FakePublisher(self.did)
        self.jobs = Jobs()
        self.account: Exception | None = None  # what asking for the calls of a job raises

    @asynccontextmanager
    async def worker(self, worker_id: str = "w1", *, max_jobs: int = 4, lease_s: float = 60.0) -> AsyncIterator[Worker]:
        """One more of them, which runs until the block ends."""
        limits = WorkerSettings(worker_id, max_jobs, 3, lease_s)
        worker = Worker(limits, cast(FeaturesStore, self.store), self.publisher, self.jobs.run, self._calls_of)
        worker.start()
        try:
            yield worker
        finally:
            await worker.stop()

    async def _calls_of(self, _: FeatureRequested) -> tuple[FeatureCall, ...]:
        if self.account is not None:
            raise self.account
        return (CALL,)

    async def done(self, feature_id: UUID) -> FeatureSettled:
        """The last word that was said about it, once its row says that it was."""
        await until(lambda: self.store.rows[feature_id].settled_at is not None)
        return [one for one in self.publisher.settled if one.feature_id == feature_id][-1]

    async def begun(self, feature_id: UUID, times: int = 1) -> None:
        await until(lambda: self.jobs.began.count(feature_id) == times)


def cancellation(feature_id: UUID, tenant_id: str = "acme") -> FeatureCancelRequested:
    return FeatureCancelRequested(feature_id=feature_id, tenant_id=tenant_id)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.002)


def _now() -> float:
    return asyncio.get_running_loop().time()
