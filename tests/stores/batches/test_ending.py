"""Batches that end before all is answered: each line is told why."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from shared.batches.rounds import Told
from tests.stores.batches.bench import Bench, ids, lines, names

pytestmark = pytest.mark.real_postgres


async def test_what_is_cancelled_says_so_of_each_line(bench: Bench) -> None:
    batch_id = await bench.batch(lines(40))
    answered: set[UUID] = set()

    def only_first(inference_id: UUID) -> bool:
        if len(answered) < 5:
            answered.add(inference_id)
        return inference_id in answered

    bench.world.answered = only_first
    feeding = asyncio.create_task(bench.run(bench.feeder(window=10)))
    async with asyncio.timeout(30):
        while (await bench.shown(batch_id))["completed"] < 5:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    input_id = (await bench.shown(batch_id))["input_file_id"]
    assert await bench.gateway.reading(bench.tenant_id, input_id) == batch_id
    assert await bench.gateway.cancel(bench.tenant_id, batch_id) is not None
    await feeding

    assert await bench.gateway.reading(bench.tenant_id, input_id) is None
    row = await bench.shown(batch_id)
    assert (row["status"], row["total"], row["completed"], row["failed"]) == ("cancelled", 40, 5, 35)
    output, error = await bench.written(row["output_file_id"]), await bench.written(row["error_file_id"])
    assert ids([*output, *error]) == names(40)
    assert {one["error"]["code"] for one in error if "error" in one} == {"batch_cancelled"}
    assert bench.world.cancelled


async def test_what_is_cancelled_before_it_was_checked_has_no_files(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3))
    await bench.gateway.cancel(bench.tenant_id, batch_id)

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], row["output_file_id"], row["error_file_id"]) == ("cancelled", None, None)
    assert not bench.world.published


async def test_what_has_no_time_left_expires(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3), timedelta(seconds=-1))

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], row["completed"], row["failed"]) == ("expired", 0, 3)
    assert {one["error"]["code"] for one in await bench.written(row["error_file_id"])} == {"batch_expired"}


async def test_a_key_that_may_not_ask_ends_the_batch(bench: Bench) -> None:
    batch_id = await bench.batch(lines(3))
    bench.world.verdict = lambda asked: Told(stop="the key was revoked") if asked.lines else None

    await bench.run(bench.feeder())

    row = await bench.shown(batch_id)
    assert (row["status"], row["failed"]) == ("failed", 3)
    assert [one["message"] for one in row["errors"]] == ["the key was revoked"]
