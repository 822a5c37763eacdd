"""Batches take turns, and one that waits holds no place."""

import asyncio

import orjson
import pytest

from shared.batches.rounds import Told
from shared.batches.store import BatchStore
from tests.stores.batches.bench import LEASE_S, Bench, line, lines

pytestmark = pytest.mark.real_postgres


async def test_a_batch_that_waits_gives_its_only_place_to_others(bench: Bench) -> None:
    """And has it again at once when it is cancelled."""
    waits = await bench.batch(orjson.dumps(line(900)))
    goes = await bench.batch(lines(20))
    refusing = Told(later="over the budget", later_s=3600.0)
    bench.world.verdict = lambda asked: refusing if "c900" in {new.custom_id for new in asked.lines} else None
    feeder = bench.feeder()
    await feeder.start()
    async with asyncio.timeout(60):
        while (await bench.shown(goes))["status"] != "completed":  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await feeder.stop()
    row = await bench.shown(waits)
    assert (row["status"], row["waiting"]) == ("in_progress", "over the budget")

    await bench.pool.execute("UPDATE gateway.batches SET rests_until = now() + interval '1 day'")
    store = BatchStore(bench.pool, "w2")
    assert await store.take("w2", LEASE_S) is None
    await bench.gateway.cancel(bench.tenant_id, waits)
    job = await store.take("w2", LEASE_S)
    assert job is not None
    await bench.feeder("w2").run(job)
    assert (await bench.shown(waits))["status"] == "cancelled"


async def test_batches_take_turns(bench: Bench) -> None:
    made = [await bench.batch(lines(1)) for _ in range(2)]
    store, had = BatchStore(bench.pool, "w1"), []
    for _ in range(4):
        job = await store.take("w1", LEASE_S)
        assert job is not None
        had.append(job.job_id)
        await store.rest(job, 0.0, 0)
    assert had == [*made, *made]
