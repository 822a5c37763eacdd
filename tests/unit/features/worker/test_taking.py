"""Which jobs a worker takes, when, and which of them it runs at all."""

import asyncio
from datetime import timedelta

import pytest

from services.features import outcomes, worker
from services.features.store import TakenJob
from shared.events import FeatureSettled, new_id
from tests.unit.features.worker.fakes import Bench, until


async def test_at_most_max_jobs_and_the_oldest_first() -> None:
    bench = Bench()
    first, second, third = (bench.store.add() for _ in range(3))

    async with bench.worker(max_jobs=2) as here:
        await bench.begun(second)
        for _ in range(20):
            here.job_came()
            await asyncio.sleep(0.002)
        assert bench.jobs.began == [first, second]
        assert bench.store.rows[third].worker_id is None

        bench.jobs.may_end[first].set()
        await bench.begun(third)

    assert bench.jobs.most_at_once == 2


async def test_a_job_that_comes_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_LOOK_EVERY_S", 600)
    bench = Bench()

    async with bench.worker() as here:
        await asyncio.sleep(0.05)  # it has looked
        feature_id = bench.store.add()
        here.job_came()
        await bench.begun(feature_id)


async def test_a_job_whose_worker_died_is_found_by_looking() -> None:
    bench = Bench()
    async with bench.worker():
        feature_id = bench.store.add(worker_id="dead", delivery=1)
        await bench.begun(feature_id)

    assert bench.jobs.cut_short == [feature_id]


@pytest.mark.parametrize("error", [ConnectionError(), RuntimeError("the database is read-only")])
async def test_jobs_are_taken_again_when_the_database_is_back(error: Exception) -> None:
    bench = Bench()
    feature_id = bench.store.add()
    bench.store.failing["take_job"] = error
    asked = bench.store._may

    async def once_more(method: str) -> None:
        try:
            await asked(method)
        finally:
            bench.store.failing.clear()

    bench.store._may = once_more  # type: ignore[method-assign]
    async with bench.worker() as here:
        await bench.begun(feature_id)
        assert here.running


async def test_a_job_that_comes_to_its_own_worker_again_is_not_run_beside_itself() -> None:
    """A process that was frozen may find its own job free before it finds that it holds it."""
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker() as here:
        await bench.begun(feature_id)

        bench.store.rows[feature_id].lease_until = 0.0
        await until(lambda: bench.store.rows[feature_id].delivery == 2)
        other = bench.store.add()
        await bench.begun(other)

        assert bench.jobs.began == [feature_id, other]
        assert here.in_hand == 2
        bench.jobs.may_end[feature_id].set()
        assert (await bench.done(feature_id)).settlement == "completed"


async def test_a_job_that_too_many_workers_were_lost_with_is_settled_and_not_run() -> None:
    bench = Bench()
    bench.store.calls = [new_id()]
    feature_id = bench.store.add(worker_id="dead", delivery=3)

    async with bench.worker():
        told = await bench.done(feature_id)

    assert (told.settlement, told.error, told.delivery) == ("failed", outcomes.workers_lost(3).error, 4)
    assert told.error is not None
    assert (told.error.error_type, told.error.detail[:20]) == ("router_lost", "3 workers were lost ")
    assert bench.did == ["written", "CancelRequested", "FeatureSettled", "done"]
    assert bench.jobs.began == []


async def test_the_last_delivery_that_is_allowed_is_run() -> None:
    bench = Bench()
    feature_id = bench.store.add(worker_id="dead", delivery=2)

    async with bench.worker():
        await bench.begun(feature_id)


async def test_a_job_whose_deadline_has_passed_is_not_run() -> None:
    bench = Bench()
    feature_id = bench.store.add(given=timedelta(seconds=-1))

    async with bench.worker():
        told = await bench.done(feature_id)

    assert told.error is not None
    assert (told.settlement, told.error.detail) == ("expired", "the deadline had passed when a worker took the job")
    assert bench.did == ["written", "FeatureSettled", "done"]
    assert bench.jobs.began == []


async def test_what_a_worker_that_died_was_about_to_say_is_said_and_the_job_not_run() -> None:
    """With the calls that nobody waits for any more, which it may not have come to either."""
    bench = Bench()
    bench.store.calls = [new_id()]
    feature_id = bench.store.add(worker_id="dead", delivery=3)
    row = bench.store.rows[feature_id]
    word: FeatureSettled = outcomes.settled(row.request, outcomes.cancelled(), 3, "dead")
    row.settled_event = word.encoded()

    async with bench.worker():
        assert await bench.done(feature_id) == word

    assert bench.did == ["CancelRequested", "FeatureSettled", "done"]
    assert bench.jobs.began == []


async def test_a_worker_that_stops_gives_its_jobs_back_at_once() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    row = bench.store.rows[feature_id]
    async with bench.worker():
        await bench.begun(feature_id)

    assert bench.jobs.cut_short == [feature_id]
    assert (row.worker_id, row.delivery, bench.publisher.settled) == (None, 0, [])

    async with bench.worker("w2"):
        await bench.begun(feature_id, times=2)
        bench.jobs.may_end[feature_id].set()
        assert (await bench.done(feature_id)).delivery == 1


async def test_a_worker_that_stops_takes_nothing_more() -> None:
    bench = Bench()
    async with bench.worker() as here:
        first = bench.store.add()
        await bench.begun(first)
    second = bench.store.add()
    here.job_came()

    await asyncio.sleep(0.05)

    assert [bench.store.rows[one].worker_id for one in (first, second)] == [None, None]
    assert (here.running, here.in_hand) == (False, 0)


async def test_a_job_that_is_being_taken_when_the_worker_stops_is_given_back_at_once() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    take, asked, answer = bench.store.take_job, asyncio.Event(), asyncio.Event()

    async def slow(worker_id: str, lease_s: float) -> TakenJob | None:
        taken = await take(worker_id, lease_s)
        asked.set()
        await answer.wait()
        return taken

    bench.store.take_job = slow  # type: ignore[method-assign]
    async with bench.worker() as here:
        await asked.wait()
        stopping = asyncio.create_task(here.stop())
        await asyncio.sleep(0.01)
        answer.set()
        await stopping

    row = bench.store.rows[feature_id]
    assert (row.worker_id, row.delivery, row.lease_until) == (None, 0, 0.0)
