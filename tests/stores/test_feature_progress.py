"""What is shown of a job while a model writes for it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.feature_jobs.jobs import shown
from services.gateway.feature_jobs.store import FeatureStore
from shared.crypto import KeyRing
from shared.crypto.keys import new_key
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.events import FeatureEvent, FeatureProgressed, FeatureSettled, FeatureStarted, FeatureStep, new_id

pytestmark = pytest.mark.real_postgres

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
RING = KeyRing.parse(new_key())


class Job:
    def __init__(self, pool: Pool) -> None:
        self._store = FeatureStore(pool, Reads(pool, ReadSettings()))
        self._id, self._tenant_id = new_id(), f"t-{new_id()}"

    async def begun(self) -> None:
        named = {"worker_id": "w", "delivery": 1, "generator": "llm", "accepted_at": NOW, "deadline_at": NOW}
        await self._kept(FeatureStarted(**self._its, **named, started_at=NOW))

    async def progressed(self, step: FeatureStep, after_s: int, characters: int | None = None) -> None:
        at = NOW + timedelta(seconds=after_s)
        event = FeatureProgressed(**self._its, worker_id="w", step=step, progressed_at=at, characters=characters)
        await self._kept(event)

    async def ended(self) -> None:
        named = {"settlement": "completed", "generator": "llm", "accepted_at": NOW, "duration_s": 1.0}
        await self._kept(FeatureSettled(**self._its, **named, settled_at=NOW, reported_by="w"))

    async def shown(self) -> tuple[list[str], int | None]:
        """Its steps, and how much has been written."""
        row = await self._store.progress(self._tenant_id, self._id)
        assert row is not None
        job = shown(RING, row)
        return [step["step"] for step in job["progress"]], job["writing"] and job["writing"]["characters"]

    @property
    def _its(self) -> Any:
        return {"feature_id": self._id, "tenant_id": self._tenant_id}

    async def _kept(self, event: FeatureEvent) -> None:
        await self._store.keep([event])


async def test_the_newest_number_of_characters_is_shown_until_the_next_step(pool: Pool) -> None:
    job = Job(pool)
    await job.begun()
    await job.progressed("planning", 1)
    await job.progressed("planning", 3, characters=700)
    await job.progressed("planning", 2, characters=300)
    assert await job.shown() == (["planning"], 700)

    await job.progressed("writing", 4)
    assert await job.shown() == (["planning", "writing"], None)
    await job.progressed("writing", 5, characters=10)
    assert await job.shown() == (["planning", "writing"], 10)

    await job.ended()
    await job.progressed("writing", 6, characters=20)
    assert await job.shown() == (["planning", "writing", "done"], None)
