"""Which jobs a worker takes, and when."""

import asyncio

import pytest

from tests.support.virtual_time import virtually
from tests.unit.shared.jobs.fakes import OVER, Bench, Row, until


@virtually
async def test_at_most_max_jobs_and_the_oldest_first() -> None:
    bench = Bench()
    first, second, third = (bench.add() for _ in range(3))

    async with bench.worker(max_jobs=2) as here:
        await bench.begun(second)
        for _ in range(20):
            here.wake()
            await asyncio.sleep(0.002)
        assert bench.work.began == [first, second]
        assert bench.table.rows[third].worker_id is None

        bench.work.may_end[first].set()
        await bench.begun(third)

    assert bench.work.most_at_once == 2


@virtually
async def test_a_job_that_comes_is_not_waited_for() -> None:
    bench = Bench()
    async with bench.worker(look_every_s=600) as here:
        await asyncio.sleep(1)  # it has looked
        job_id = bench.add()
        here.wake()
        await bench.begun(job_id)


@virtually
async def test_a_job_whose_worker_died_is_found_by_looking() -> None:
    bench = Bench()
    async with bench.worker():
        job_id = bench.add(Row("dead", delivery=1))
        await bench.begun(job_id)


@pytest.mark.parametrize("error", [ConnectionError(), RuntimeError("the database is read-only")])
@virtually
async def test_jobs_are_taken_again_when_the_database_is_back(error: Exception) -> None:
    bench = Bench()
    job_id = bench.add()
    bench.table.failing["take"] = error
    async with bench.worker() as here:
        await asyncio.sleep(0.1)  # it has asked once
        assert bench.work.began == []

        bench.table.failing.clear()
        await bench.begun(job_id)
        assert here.running


@virtually
async def test_a_job_that_comes_to_its_own_worker_again_is_not_run_beside_itself() -> None:
    """A process that was frozen may find its own job free before it finds that it holds it."""
    bench = Bench()
    job_id = bench.add()
    async with bench.worker() as here:
        await bench.begun(job_id)

        bench.table.rows[job_id].lease_until = OVER
        await until(lambda: bench.table.rows[job_id].delivery == 2)
        other = bench.add()
        await bench.begun(other)

        assert bench.work.began == [job_id, other]
        assert here.in_hand == 2


@pytest.mark.parametrize("error", [ConnectionError(), ValueError("not foreseen")])
@virtually
async def test_a_job_that_fails_is_left_to_whoever_takes_it_when_its_lease_has_ended(error: Exception) -> None:
    bench = Bench()
    job_id = bench.add()
    bench.work.failing = error
    bench.work.may_end[job_id].set()
    async with bench.worker() as here:
        await until(lambda: bench.work.began == [job_id] and here.in_hand == 0)
        assert bench.table.rows[job_id].worker_id == "w1"

        bench.work.failing = None
        bench.table.rows[job_id].lease_until = OVER
        await bench.settled(job_id)

    assert bench.work.began == [job_id, job_id]
