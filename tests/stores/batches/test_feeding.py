"""Batches fed by the real feeder: every line is begun, and none is lost."""

import pytest

from services.jobs.batches.asking import GatewayAwayError
from shared.batches.rounds import Round, Told
from tests.stores.batches.bench import Bench, ids, lines, names

pytestmark = pytest.mark.real_postgres


async def test_every_line_is_begun_once_and_answered(bench: Bench) -> None:
    batch_id = await bench.batch(lines(120) + b"\n\n  \n")

    await bench.run(bench.feeder(window=20))

    row = await bench.shown(batch_id)
    assert (row["status"], row["total"], row["completed"], row["failed"]) == ("completed", 120, 120, 0)
    assert ids(await bench.written(row["output_file_id"])) == names(120)
    assert row["error_file_id"] is None
    assert set(bench.world.published.values()) == {1}
    assert len(bench.world.published) == 120
    assert bench.world.most_in_flight <= 20
    assert await bench.pool.fetchval("SELECT count(*) FROM gateway.batch_lines WHERE batch_id = $1", batch_id) == 0


async def test_no_line_is_lost_while_gateways_are_away_or_refuse(bench: Bench) -> None:
    batch_id = await bench.batch(lines(30))
    rounds = 0

    def verdict(asked: Round) -> Told | None:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            raise GatewayAwayError("nobody answers")
        if rounds in (4, 5):
            half = asked.lines[: len(asked.lines) // 2]
            for one in half:
                bench.world.published[one.inference_id] += 1
            return Told(begun=[one.line for one in half], later="too many", later_s=0.01)
        return None

    bench.world.verdict = verdict
    await bench.run(bench.feeder(window=10))

    row = await bench.shown(batch_id)
    assert (row["status"], row["completed"], row["waiting"]) == ("completed", 30, None)
    assert ids(await bench.written(row["output_file_id"])) == names(30)
    assert len(bench.world.published) == 30
