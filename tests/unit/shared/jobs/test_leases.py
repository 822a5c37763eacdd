"""A job is a worker's while its lease is renewed, and nobody begins before somebody else has ended."""

import asyncio

import pytest

from tests.support.virtual_time import virtually
from tests.unit.shared.jobs.fakes import OVER, Bench, now, until

LEASE_S = 10.0


@virtually
async def test_a_lease_is_renewed_while_its_job_runs() -> None:
    bench = Bench()
    job_id = bench.add()
    async with bench.worker(lease_s=LEASE_S), bench.worker("w2", lease_s=LEASE_S):
        await until(lambda: bench.table.renewals >= 12)  # of two workers, each four times in a lease

        assert bench.work.began == [job_id]
        assert bench.work.cut_short == []


@virtually
async def test_a_job_that_is_another_workers_is_ended_and_left_to_it() -> None:
    bench = Bench()
    job_id = bench.add()
    async with bench.worker(lease_s=LEASE_S) as here:
        await bench.begun(job_id)
        row = bench.table.rows[job_id]
        row.worker_id, row.delivery, row.lease_until = "w2", 2, now() + 60

        await until(lambda: here.in_hand == 0)

    assert bench.work.cut_short == [job_id]
    assert bench.work.cancellations == []
    assert (row.worker_id, row.delivery) == ("w2", 2)


@virtually
async def test_one_renewal_that_fails_ends_nothing() -> None:
    bench = Bench()
    job_id = bench.add()
    async with bench.worker(lease_s=LEASE_S):
        await bench.begun(job_id)
        bench.table.failing["renew"] = ConnectionError()
        await asyncio.sleep(LEASE_S * 0.3)  # one renewal is due in it
        bench.table.failing.clear()
        await until(lambda: bench.table.renewals >= 3)

        assert bench.work.cut_short == []


@pytest.mark.parametrize("error", [ConnectionError(), RuntimeError("the database is read-only"), None])
@virtually
async def test_a_job_whose_lease_cannot_be_renewed_ends_before_another_worker_begins(error: Exception | None) -> None:
    """None: the database does not answer at all."""
    bench = Bench()
    job_id = bench.add()
    async with bench.worker(lease_s=LEASE_S) as first:
        await bench.begun(job_id)
        if error is None:
            bench.table.hanging.add("renew")
        else:
            bench.table.failing["renew"] = error
        bench.table.rows[job_id].lease_until = now() + LEASE_S

        await until(lambda: first.in_hand == 0)
        assert bench.work.cut_short == [job_id]
        assert now() < bench.table.rows[job_id].lease_until

        bench.table.failing.clear()
        bench.table.hanging.clear()
        bench.table.rows[job_id].lease_until = OVER
        await bench.begun(job_id, times=2)
        assert first.running

    assert bench.work.most_at_once == 1
