"""A job is a worker's while its lease is renewed, and nobody begins before somebody else has ended."""

import asyncio

import pytest

from tests.unit.features.worker.fakes import Bench, until

LEASE_S = 1.6  # much of it is for a machine that is busy


async def test_a_lease_is_renewed_while_its_job_runs() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker(lease_s=0.8), bench.worker("w2", lease_s=0.8):
        await until(lambda: bench.store.renewals >= 12)  # of two workers, each four times in a lease

        assert bench.jobs.began == [feature_id]
        assert bench.jobs.cut_short == []


async def test_a_job_that_is_another_workers_is_ended_and_nothing_said_of_it() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker(lease_s=0.2) as here:
        await bench.begun(feature_id)
        row = bench.store.rows[feature_id]
        row.worker_id, row.delivery, row.lease_until = "w2", 2, asyncio.get_running_loop().time() + 60

        await until(lambda: here.in_hand == 0)

    assert bench.jobs.cut_short == [feature_id]
    assert (row.worker_id, row.delivery) == ("w2", 2)
    assert bench.did == ["FeatureStarted"]


async def test_a_job_that_another_worker_has_taken_is_not_settled_by_its_first() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker():
        await bench.begun(feature_id)
        row = bench.store.rows[feature_id]
        row.worker_id, row.lease_until = "w2", asyncio.get_running_loop().time() + 60

        bench.jobs.may_end[feature_id].set()
        await until(lambda: bench.jobs.running == 0)

    assert (row.worker_id, row.settled_event, row.settled_at) == ("w2", None, None)
    assert bench.did == ["FeatureStarted"]


async def test_one_renewal_that_fails_ends_nothing() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker(lease_s=LEASE_S):
        await bench.begun(feature_id)
        bench.store.failing["renew"] = ConnectionError()
        await asyncio.sleep(LEASE_S * 0.3)  # one renewal is due in it
        bench.store.failing.clear()
        await until(lambda: bench.store.renewals >= 3)

        assert bench.jobs.cut_short == []


@pytest.mark.parametrize("error", [ConnectionError(), RuntimeError("the database is read-only"), None])
async def test_a_job_whose_lease_cannot_be_renewed_ends_before_another_worker_begins(error: Exception | None) -> None:
    """None: the database does not answer at all."""
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker(lease_s=LEASE_S) as first:
        await bench.begun(feature_id)
        if error is None:
            bench.store.hanging.add("renew")
        else:
            bench.store.failing["renew"] = error
        bench.store.rows[feature_id].lease_until = asyncio.get_running_loop().time() + LEASE_S

        await until(lambda: first.in_hand == 0)
        assert bench.jobs.cut_short == [feature_id]
        assert asyncio.get_running_loop().time() < bench.store.rows[feature_id].lease_until
        assert bench.did == ["FeatureStarted"]

        bench.store.failing.clear()
        bench.store.hanging.clear()
        bench.store.rows[feature_id].lease_until = 0.0
        await bench.begun(feature_id, times=2)
        assert first.running
        bench.jobs.may_end[feature_id].set()
        assert (await bench.done(feature_id)).delivery == 2

    assert bench.jobs.most_at_once == 1
