"""A caller does not want a job any more: before it comes, while it runs, and when it is almost done."""

import pytest

from shared.events import CancelRequested, new_id
from tests.unit.features.worker.fakes import CALL, Bench, cancellation
from tests.unit.shared.jobs.fakes import until


async def test_a_job_that_was_cancelled_before_it_came_is_not_run() -> None:
    bench = Bench()
    async with bench.worker() as here:
        feature_id = bench.store.add(lease_until=float("inf"))
        here.heard(cancellation(feature_id))
        bench.store.rows[feature_id].lease_until = 0.0
        settled = await bench.done(feature_id)

    assert settled.settlement == "cancelled"
    assert bench.did == ["written", "FeatureSettled", "done"]
    assert bench.jobs.began == []


async def test_a_job_that_is_cancelled_while_it_runs_ends_and_so_do_its_calls() -> None:
    bench = Bench()
    bench.store.calls = [new_id()]
    feature_id = bench.store.add()
    async with bench.worker() as here:
        await bench.begun(feature_id)
        here.heard(cancellation(feature_id))
        settled = await bench.done(feature_id)

    assert bench.jobs.cut_short == [feature_id]
    assert (settled.settlement, settled.calls) == ("cancelled", (CALL,))
    assert bench.did == ["FeatureStarted", "written", "CancelRequested", "FeatureSettled", "done"]
    (call,) = (one for one in bench.publisher.events if isinstance(one, CancelRequested))
    assert (call.inference_id, call.tenant_id) == (bench.store.calls[0], "acme")


async def test_a_word_that_is_written_stays_though_the_job_is_cancelled_then() -> None:
    """And is said at once, not when the lease has ended."""
    bench = Bench()
    feature_id = bench.store.add()
    bench.jobs.may_end[feature_id].set()
    bench.publisher.refused.add("FeatureSettled")
    async with bench.worker() as here:
        await until(lambda: bench.publisher.refusals > 0)
        written = bench.store.rows[feature_id].settled_event
        here.heard(cancellation(feature_id))
        bench.publisher.refused.clear()
        settled = await bench.done(feature_id)

    assert (settled.settlement, settled.encoded()) == ("completed", written)
    assert bench.publisher.settled == [settled]
    assert bench.jobs.began == [feature_id]


@pytest.mark.parametrize("method", ["settling", "settled"])
async def test_a_cancelled_job_that_cannot_be_settled_now_is_settled_later_and_not_run_again(method: str) -> None:
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker() as here:
        await bench.begun(feature_id)
        bench.store.failing[method] = ConnectionError()
        here.heard(cancellation(feature_id))
        await until(lambda: here.leases.in_hand == 0)

        bench.store.failing.clear()
        bench.store.rows[feature_id].lease_until = 0.0
        assert (await bench.done(feature_id)).settlement == "cancelled"

    assert bench.jobs.began == [feature_id]
    assert len({one.event_id for one in bench.publisher.settled}) == 1
