"""Which of the jobs that it has taken a worker runs."""

from datetime import timedelta

from services.features import outcomes
from shared.events import FeatureSettled, new_id
from tests.unit.features.worker.fakes import Bench


async def test_a_job_that_too_many_workers_were_lost_with_is_settled_and_not_run() -> None:
    bench = Bench()
    bench.store.calls = [new_id()]
    feature_id = bench.store.add(worker_id="dead", delivery=3)

    async with bench.worker():
        settled = await bench.done(feature_id)

    assert (settled.settlement, settled.error, settled.delivery) == ("failed", outcomes.workers_lost(3).error, 4)
    assert settled.error is not None
    assert (settled.error.error_type, settled.error.detail[:20]) == ("router_lost", "3 workers were lost ")
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
        settled = await bench.done(feature_id)

    assert settled.error is not None
    assert (settled.settlement, settled.error.detail) == (
        "expired",
        "the deadline had passed when a worker took the job",
    )
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
