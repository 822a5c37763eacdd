"""Whoever takes a batch over goes on where it stood, and whoever has lost it writes nothing."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from shared.batches.rounds import Round, Told
from shared.batches.store import BatchStore, NotOursError
from tests.stores.batches.bench import LEASE_S, Bench, ids, lines, names

pytestmark = pytest.mark.real_postgres


class Died(Exception):  # noqa: N818 - not an error of the code
    pass


@pytest.mark.parametrize("at_round", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_whoever_takes_over_goes_on_where_it_stood(bench: Bench, at_round: int, when: str) -> None:
    """before, after: the gateway has published. What the next one does not know to be acked it says so of."""
    batch_id = await bench.batch(lines(40))
    rounds = 0

    def die(asked: Round) -> None:
        nonlocal rounds
        rounds += bool(asked.lines)
        if rounds == at_round and asked.lines:
            rounds += 1
            raise Died

    if when == "before":
        bench.world.verdict = die
    else:
        bench.world.after = die
    with pytest.raises(Died):
        await bench.run(bench.feeder("w1", window=10), "w1")
    await bench.run(bench.feeder("w2", window=10), "w2")

    row = await bench.shown(batch_id)
    assert (row["status"], row["completed"]) == ("completed", 40)
    assert ids(await bench.written(row["output_file_id"])) == names(40)
    assert len(bench.world.published) == 40
    assert set(bench.world.surely.values()) <= {0, 1}
    again = sum(bench.world.published.values()) - 40
    assert (again > 0) == (when == "after")


async def test_a_worker_that_has_lost_the_batch_writes_nothing(bench: Bench) -> None:
    batch_id = await bench.batch(lines(10))
    asked = asyncio.Event()
    go_on = asyncio.Event()
    bench.world.after = lambda _: asked.set()

    async def slowly(tenant: str, batch: UUID, said: Round) -> Told:
        told = await bench.world.round(tenant, batch, said)
        await go_on.wait()
        return told

    first, second = bench.feeder("w1", gateways=_Says(slowly)), bench.feeder("w2")
    job = await bench.taken()
    assert job is not None
    losing = asyncio.create_task(first.run(job))
    await asked.wait()
    await bench.run(second, "w2")
    go_on.set()
    await losing

    row = await bench.shown(batch_id)
    assert (row["status"], row["completed"]) == ("completed", 10)
    assert ids(await bench.written(row["output_file_id"])) == names(10)
    assert len(bench.world.published) == 10


class _Says:
    def __init__(self, say: Callable[..., Any]) -> None:
        self.round = say


async def test_what_a_worker_knows_of_an_earlier_turn_is_old(bench: Bench) -> None:
    """It stood still, another had the batch, and now it has the batch again."""
    await bench.batch(lines(1))
    store, other = BatchStore(bench.pool, "w1"), BatchStore(bench.pool, "w2")
    before = await bench.taken("w1")
    between = await bench.taken("w2")
    assert before is not None
    assert between is not None
    await other.rest(between, 0.0, 0)
    now = await store.take("w1", LEASE_S)
    assert now is not None

    with pytest.raises(NotOursError):
        await store.finalizing(before)
    await store.finalizing(now)
