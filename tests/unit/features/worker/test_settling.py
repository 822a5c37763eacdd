"""One final word on each job: written before it is said, and said until it is heard."""

import asyncio
import errno
from datetime import timedelta

import pytest

from services.features import outcomes
from shared.db.database import DatabaseAwayError
from shared.errors import TallygateError, failure
from shared.events import CancelRequested, FeatureStarted, new_id
from shared.events.topics import MAX_RECORD_BYTES
from tests.unit.features.worker.fakes import CALL, Bench
from tests.unit.shared.jobs.fakes import until


async def test_a_job_is_settled_once_and_its_word_is_written_before_it_is_said() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker():
        await bench.begun(feature_id)
        bench.jobs.may_end[feature_id].set()
        settled = await bench.done(feature_id)

    assert bench.did == ["FeatureStarted", "written", "FeatureSettled", "done"]
    assert (settled.settlement, settled.sealed_result, settled.calls) == ("completed", "result", (CALL,))
    assert (settled.delivery, settled.reported_by) == (1, "features/w1")
    started = bench.publisher.events[0]
    assert isinstance(started, FeatureStarted)
    assert (started.worker_id, started.delivery) == ("w1", 1)


async def test_a_job_that_another_worker_has_taken_is_not_settled_by_its_first() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    async with bench.worker():
        await bench.begun(feature_id)
        row = bench.store.rows[feature_id]
        row.worker_id, row.lease_until = "w2", asyncio.get_running_loop().time() + 60

        bench.jobs.may_end[feature_id].set()
        await until(lambda: bench.jobs.running == 0)

    assert (row.worker_id, row.settled_event, row.settled) == ("w2", None, False)
    assert bench.did == ["FeatureStarted"]


async def test_what_is_said_is_what_was_written() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    bench.publisher.refused.add("FeatureSettled")
    async with bench.worker():
        bench.jobs.may_end[feature_id].set()
        await until(lambda: bench.publisher.refusals > 3)
        written = bench.store.rows[feature_id].settled_event
        assert bench.store.rows[feature_id].settled is False

        bench.publisher.refused.clear()
        settled = await bench.done(feature_id)

    assert settled.encoded() == written
    assert bench.did == ["FeatureStarted", "written", "FeatureSettled", "done"]


async def test_a_worker_that_stops_in_between_leaves_its_word_to_the_next() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    bench.jobs.may_end[feature_id].set()
    bench.publisher.refused.add("FeatureSettled")
    async with bench.worker():
        await until(lambda: bench.publisher.refusals > 0)
    written = bench.store.rows[feature_id].settled_event

    bench.publisher.refused.clear()
    async with bench.worker("w2"):
        settled = await bench.done(feature_id)

    assert (settled.encoded(), settled.reported_by) == (written, "features/w1")
    assert bench.jobs.began == [feature_id]


@pytest.mark.parametrize("method", ["settling", "settled"])
async def test_a_word_that_cannot_be_written_is_left_to_whoever_takes_the_job_next(method: str) -> None:
    bench = Bench()
    feature_id = bench.store.add()
    bench.jobs.may_end[feature_id].set()
    bench.store.failing[method] = ConnectionError()
    async with bench.worker() as here:
        await until(lambda: bench.jobs.began == [feature_id] and here.leases.in_hand == 0)
        published = list(bench.publisher.settled)
        assert len(published) == (0 if method == "settling" else 1)

        bench.store.failing.clear()
        bench.store.rows[feature_id].lease_until = 0.0
        settled = await bench.done(feature_id)

    assert all(one == settled for one in published)


@pytest.mark.parametrize(
    ("error", "settlement", "error_type"),
    [
        (KeyError("of nobody's expectation"), "failed", "internal"),
        (FileNotFoundError(errno.ENOENT, "no", "git"), "failed", "internal"),
        (TimeoutError("of a plug-in's own"), "failed", "internal"),
        (TallygateError("generation_invalid", "it does not parse"), "failed", "generation_invalid"),
        (TallygateError("expired", "no model answered"), "expired", "expired"),
    ],
)
async def test_a_job_that_fails_is_settled_with_its_reason(error: Exception, settlement: str, error_type: str) -> None:
    bench = Bench()
    bench.jobs.end = error
    feature_id = bench.store.add()
    bench.jobs.may_end[feature_id].set()
    async with bench.worker():
        settled = await bench.done(feature_id)

    assert settled.error is not None
    assert (settled.settlement, settled.error.error_type, settled.calls) == (settlement, error_type, (CALL,))
    assert "nobody's" not in settled.error.detail


async def test_the_deadline_ends_a_job_and_the_calls_that_it_waits_for() -> None:
    bench = Bench()
    bench.store.calls = [new_id(), new_id()]
    feature_id = bench.store.add(given=timedelta(seconds=0.3))
    async with bench.worker():
        settled = await bench.done(feature_id)

    assert settled.settlement == "expired"
    assert (bench.jobs.began, bench.jobs.cut_short) == ([feature_id], [feature_id])
    calls = ["CancelRequested", "CancelRequested"]
    assert bench.did == ["FeatureStarted", "written", *calls, "FeatureSettled", "done"]
    cancelled = [one for one in bench.publisher.events if isinstance(one, CancelRequested)]
    assert [(one.inference_id, one.tenant_id) for one in cancelled] == [(one, "acme") for one in bench.store.calls]


async def test_the_deadline_counts_also_while_the_broker_is_away() -> None:
    bench = Bench()
    feature_id = bench.store.add(given=timedelta(seconds=0.3))
    bench.publisher.refused.add("FeatureStarted")
    async with bench.worker():
        settled = await bench.done(feature_id)

    assert settled.settlement == "expired"
    assert bench.jobs.began == []


async def test_a_database_that_is_away_ends_no_job() -> None:
    """It goes on with whoever takes it when its lease has ended."""
    bench = Bench()
    bench.jobs.end = DatabaseAwayError()
    feature_id = bench.store.add()
    bench.jobs.may_end[feature_id].set()
    async with bench.worker() as here:
        await until(lambda: bench.jobs.began == [feature_id] and here.leases.in_hand == 0)
        assert bench.did == ["FeatureStarted"]
        assert bench.store.rows[feature_id].worker_id == "w1"

        bench.jobs.end = outcomes.completed("result", ())
        bench.store.rows[feature_id].lease_until = 0.0
        assert (await bench.done(feature_id)).settlement == "completed"


async def test_a_job_whose_account_cannot_be_given_is_settled_all_the_same() -> None:
    bench = Bench()
    bench.account = ValueError("12.5 is no whole number")
    bench.jobs.end = outcomes.failed(failure("generation_invalid", "it does not parse"))
    feature_id = bench.store.add()
    bench.jobs.may_end[feature_id].set()
    async with bench.worker():
        settled = await bench.done(feature_id)
    assert (settled.settlement, settled.calls) == ("failed", ())


async def test_a_result_that_is_too_large_to_be_published_ends_the_job_as_that() -> None:
    bench = Bench()
    feature_id = bench.store.add()
    bench.jobs.end = outcomes.completed("x" * MAX_RECORD_BYTES, (CALL,))
    bench.jobs.may_end[feature_id].set()
    async with bench.worker():
        settled = await bench.done(feature_id)

    assert (settled.settlement, settled.sealed_result, settled.calls) == ("failed", None, (CALL,))
    assert settled.error is not None
    assert settled.error.error_type == "payload_too_large"
