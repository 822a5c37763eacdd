"""Two features workers share the jobs, and when one is lost the other has the rest: nothing twice, and nothing left."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from services.features.store import FeaturesStore
from tests.integration.configured.conftest import JOBS_AT_ONCE
from tests.integration.configured.test_feature_workers import FILES, GOOD, PLAN
from tests.integration.test_recovery import audit
from tests.support.features import Script, ended, scripted, settled_in_books, wished
from tests.support.live import Api, Live

_JOBS = 8
_CALLS = 2  # of each job
_SLOW = {"delay_ms": 800}
_HELD = "SELECT feature_id::text, worker_id FROM features.jobs WHERE worker_id IS NOT NULL AND settled_at IS NULL"
_LATE_WORDS = "SELECT feature_id::text, late_words FROM monitor.features WHERE late_words > 0"


@pytest.fixture(scope="module")
def two(configured_stack: Live) -> Live:
    return configured_stack


@pytest_asyncio.fixture(scope="module")
async def database(two: Live) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    async with asyncpg.create_pool(two.environment["DATABASE_URL"], min_size=1) as pool:
        yield pool


class Jobs:
    """Several at once, each with a model of its own, so that every call is known by its job."""

    def __init__(self, live: Live, owner: Api, database: Any, scripts: dict[str, Script]) -> None:
        self.live, self.owner, self.scripts = live, owner, scripts
        self._database = database

    async def shared(self) -> dict[str, str]:
        """Who works on what, by job, as soon as both workers have as many as they may."""
        async with asyncio.timeout(30):
            while True:
                held = dict(await self._database.fetch(_HELD))
                if sorted(Counter(held.values()).values()) == [JOBS_AT_ONCE, JOBS_AT_ONCE]:
                    return held
                await asyncio.sleep(0.02)

    async def assert_settled_once(self) -> dict[str, int]:
        """Deliveries by job. Its endpoint saw each call once, and the books have those calls and no others."""
        deliveries = {}
        for feature_id, script in self.scripts.items():
            feature = await ended(self.owner, feature_id)
            assert feature["state"] == "completed", feature
            assert (await script.told())["given"] == list(range(_CALLS))
            assert len(feature["inferences"]) == _CALLS
            deliveries[feature_id] = feature["delivery"]
        summary = await settled_in_books(self.owner, jobs=_JOBS, calls=_JOBS * _CALLS)
        assert (summary["features"]["total"], summary["features"]["completed"]) == (_JOBS, _JOBS)
        assert summary["requests"]["total"] == summary["attempts"]["total"] == _JOBS * _CALLS
        assert await self._database.fetch(_LATE_WORDS) == []
        assert (await audit(self.live))["balanced"]
        return deliveries


@pytest_asyncio.fixture
async def jobs(two: Live, database: Any) -> Jobs:
    for name in ("features", "features-1"):
        await asyncio.to_thread(two.stack.wait_ready, name)
    owner = await two.new_tenant()
    scripts = [await scripted(two, owner, PLAN | _SLOW, GOOD | _SLOW) for _ in range(_JOBS)]
    made = {await wished(owner, files=FILES, model=script.model): script for script in scripts}
    return Jobs(two, owner, database, made)


def of(two: Live, name: str, held: dict[str, str]) -> set[str]:
    """The jobs of this worker, whose name holds its process id."""
    return {job for job, worker_id in held.items() if f"-{two.stack.pid(name)}-" in worker_id}


@pytest.mark.timeout(150)
async def test_one_of_two_workers_is_killed(two: Live, jobs: Jobs, database: Any) -> None:
    held = await jobs.shared()
    lost = of(two, "features-1", held)

    two.stack.signal_program("features-1", signal.SIGKILL)

    deliveries = await jobs.assert_settled_once()
    assert len(lost) == JOBS_AT_ONCE
    assert deliveries == {job: 2 if job in lost else 1 for job in jobs.scripts}
    store = FeaturesStore(database)
    rows = await database.fetch("SELECT feature_id, worker_id FROM features.jobs")
    assert [await store.settling(worker, job, b"another word") for job, worker in rows] == [None] * len(rows)


@pytest.mark.timeout(150)
async def test_one_of_two_workers_is_stopped(two: Live, jobs: Jobs) -> None:
    """Its jobs go on with the other one, and count as given once."""
    held = await jobs.shared()

    await asyncio.to_thread(two.stack.stop_program, "features-1")
    try:
        assert len(of(two, "features", held)) == JOBS_AT_ONCE
        assert set((await jobs.assert_settled_once()).values()) == {1}
    finally:
        await asyncio.to_thread(two.stack.start_program, "features-1")


@pytest.mark.timeout(150)
async def test_one_of_two_workers_is_frozen_and_wakes_up(two: Live, jobs: Jobs) -> None:
    """It finds that its jobs are another's, and says nothing of them."""
    held = await jobs.shared()
    lost = of(two, "features-1", held)

    two.stack.signal_program("features-1", signal.SIGSTOP)
    try:
        for job in lost:
            assert (await ended(jobs.owner, job))["delivery"] == 2
    finally:
        two.stack.signal_program("features-1", signal.SIGCONT)

    deliveries = await jobs.assert_settled_once()
    assert [job for job, delivery in deliveries.items() if delivery > 1] == [job for job in jobs.scripts if job in lost]
