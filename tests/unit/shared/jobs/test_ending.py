"""Jobs that are cut short: by their caller, or by their worker's stop."""

import asyncio

from tests.support.virtual_time import virtually
from tests.unit.shared.jobs.fakes import OVER, Bench, Job, Row, until


@virtually
async def test_a_job_that_was_cancelled_before_it_came_is_not_run() -> None:
    bench = Bench()
    async with bench.worker() as here:
        job_id = bench.add(Row(lease_until=float("inf")))
        here.cancel("acme", job_id)
        bench.table.rows[job_id].lease_until = OVER
        await bench.settled(job_id)

    assert (bench.work.began, bench.work.cancellations) == ([], [job_id])


@virtually
async def test_a_job_that_is_cancelled_while_it_runs_ends_as_cancelled() -> None:
    bench = Bench()
    job_id = bench.add()
    async with bench.worker() as here:
        await bench.begun(job_id)
        here.cancel("acme", job_id)
        await bench.settled(job_id)

    assert (bench.work.cut_short, bench.work.cancellations) == ([job_id], [job_id])


@virtually
async def test_nobody_cancels_another_tenants_job() -> None:
    bench = Bench()
    running, coming = bench.add(), bench.add()
    async with bench.worker(max_jobs=1) as here:
        await bench.begun(running)
        for job_id in (running, coming):
            here.cancel("other", job_id)
            bench.work.may_end[job_id].set()
        await bench.settled(running, coming)

    assert (bench.work.cut_short, bench.work.cancellations) == ([], [])


@virtually
async def test_another_tenants_cancellation_does_not_undo_that_of_the_jobs_own() -> None:
    bench = Bench()
    async with bench.worker() as here:
        job_id = bench.add(Row(lease_until=float("inf")))
        here.cancel("acme", job_id)
        here.cancel("other", job_id)
        bench.table.rows[job_id].lease_until = OVER
        await bench.settled(job_id)

    assert bench.work.began == []


@virtually
async def test_cancelling_again_does_not_disturb_what_the_first_time_has_begun() -> None:
    bench = Bench()
    job_id = bench.add()
    bench.work.may_settle.clear()
    async with bench.worker() as here:
        await bench.begun(job_id)
        here.cancel("acme", job_id)
        await until(lambda: bench.work.cancellations == [job_id])
        here.cancel("acme", job_id)
        await asyncio.sleep(0.01)

        bench.work.may_settle.set()
        await bench.settled(job_id)

    assert bench.work.cancellations == [job_id]


@virtually
async def test_a_worker_that_stops_gives_its_jobs_back_at_once() -> None:
    bench = Bench()
    job_id = bench.add()
    async with bench.worker():
        await bench.begun(job_id)

    assert bench.work.cut_short == [job_id]
    assert bench.table.rows == {job_id: Row()}


@virtually
async def test_a_worker_that_stops_takes_nothing_more() -> None:
    bench = Bench()
    async with bench.worker() as here:
        first = bench.add()
        await bench.begun(first)
    second = bench.add()
    here.wake()

    await asyncio.sleep(60)

    assert [bench.table.rows[one].worker_id for one in (first, second)] == [None, None]
    assert (here.running, here.in_hand) == (False, 0)


@virtually
async def test_a_job_that_is_being_taken_when_the_worker_stops_is_given_back_at_once() -> None:
    bench = Bench()
    job_id = bench.add()
    take, asked, answer = bench.table.take, asyncio.Event(), asyncio.Event()

    async def slow(worker_id: str, lease_s: float) -> Job | None:
        taken = await take(worker_id, lease_s)
        asked.set()
        await answer.wait()
        return taken

    bench.table.take = slow  # type: ignore[method-assign]
    async with bench.worker() as here:
        await asked.wait()
        stopping = asyncio.create_task(here.stop())
        await asyncio.sleep(0.01)
        answer.set()
        await stopping

    assert bench.table.rows == {job_id: Row()}
