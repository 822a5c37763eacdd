"""A worker with a database, a broker and jobs that do what a test says. The store decides as its SQL does."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
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
from shared.events.topics import MAX_EVENT_BYTES
from shared.jobs import LeaseSettings
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from tests.unit.shared.jobs.fakes import FakeTable, Row, until

CALL = FeatureCall(inference_id=new_id(), purpose="plan")


@dataclass(kw_only=True)
class FeatureRow(Row):
    request: FeatureRequested
    settled_event: bytes | None = None


def _taken(feature_id: UUID, row: FeatureRow) -> TakenJob:
    return TakenJob(feature_id, "acme", row.request.encoded(), None, row.delivery, row.settled_event)


class FakeStore(FakeTable[FeatureRow, TakenJob]):
    def __init__(self, did: list[str]) -> None:
        super().__init__(_taken)
        self.did = did
        self.calls: list[UUID] = []

    def add(self, *, given: timedelta = timedelta(minutes=5), **row: object) -> UUID:
        """given: until its deadline."""
        request = FeatureRequested(
            feature_id=new_id(), tenant_id="acme", sealed_input="sealed", deadline_at=utc_now() + given
        )
        self.rows[request.feature_id] = FeatureRow(request=request, **row)  # type: ignore[arg-type]
        return request.feature_id

    async def settling(self, worker_id: str, feature_id: UUID, settled_event: bytes) -> bytes | None:
        await self.may("settling")
        if not self.is_of(worker_id, feature_id):
            return None
        row = self.rows[feature_id]
        if row.settled_event is None:
            row.settled_event = settled_event
            self.did.append("written")
        return row.settled_event

    async def settled(self, feature_id: UUID, _now: datetime) -> None:
        await self.may("settled")
        row = self.rows[feature_id]
        row.settled, row.settled_event = True, None
        self.did.append("done")

    async def open_calls(self, feature_id: UUID) -> list[UUID]:
        await asyncio.sleep(0)
        return list(self.calls) if feature_id in self.rows else []


class FakePublisher(Publisher):
    """refused: types of events that are not acked for as long as they stand there."""

    def __init__(self, did: list[str]) -> None:
        self.did = did
        self.events: list[Event] = []
        self.refused: set[str] = set()
        self.refusals = 0

    async def publish(self, *outgoing: Outgoing) -> None:
        await asyncio.sleep(0)
        for message in outgoing:
            kind = type(message.event).__name__
            if len(message.event.encoded()) > MAX_EVENT_BYTES:
                raise UnpublishableError.too_large(message.event, 0)
            if kind in self.refused:
                self.refusals += 1
                raise TallygateError("unavailable", "the broker did not acknowledge")
            self.events.append(message.event)
            self.did.append(kind)

    @property
    def settled(self) -> list[FeatureSettled]:
        return [event for event in self.events if isinstance(event, FeatureSettled)]


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
        leases = LeaseSettings(worker_id, max_jobs, lease_s, look_every_s=0.02, retry_s=0.01)
        settings, store = WorkerSettings(leases, 3), cast(FeaturesStore, self.store)
        worker = Worker(settings, store, self.publisher, self.jobs.run, self._calls_of)
        await worker.start()
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
        await until(lambda: self.store.rows[feature_id].settled)
        return [one for one in self.publisher.settled if one.feature_id == feature_id][-1]

    async def begun(self, feature_id: UUID, times: int = 1) -> None:
        await until(lambda: self.jobs.began.count(feature_id) == times)


def cancellation(feature_id: UUID, tenant_id: str = "acme") -> FeatureCancelRequested:
    return FeatureCancelRequested(feature_id=feature_id, tenant_id=tenant_id)
