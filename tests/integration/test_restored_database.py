"""A database that has gone back to an older state, as after a failover, has everything again in the end."""

import asyncio
import json
import signal
from collections.abc import Sequence

import asyncpg
import pytest

from shared.events import new_id
from tests.support.live import Api, Live

_CALLS = 20
_COMES_BACK_WITHIN_S = 30.0

_BOOKED = "SELECT count(*) FROM monitor.inferences WHERE inference_id = ANY($1) AND settlement IS NOT NULL"
_STORED = "SELECT count(*) FROM gateway.results WHERE inference_id = ANY($1)"


async def served(tenant: Api, model: str) -> list[str]:
    """Ids of inferences whose results are stored, and which are booked."""
    answers = await asyncio.gather(
        *(tenant.chat(model, headers={"idempotency-key": new_id().hex}) for _ in range(_CALLS))
    )
    ids = [answer.headers["x-tallygate-inference-id"] for answer in answers]
    for inference_id in ids:
        await tenant.settled(inference_id)
    return ids


async def until_there(database: asyncpg.Connection, ids: Sequence[str], wanted: int) -> None:
    async with asyncio.timeout(_COMES_BACK_WITHIN_S):
        for query in (_BOOKED, _STORED):
            while await database.fetchval(query, ids) != wanted:  # noqa: ASYNC110 - nothing signals it
                await asyncio.sleep(0.1)


async def read_so_far(database: asyncpg.Connection) -> list[asyncpg.Record]:
    return await database.fetch(
        "SELECT 'monitor' AS schema, * FROM monitor.read_offsets "
        "UNION ALL SELECT 'gateway', * FROM gateway.read_offsets"
    )


async def go_back(database: asyncpg.Connection, lost: Sequence[str], read: Sequence[asyncpg.Record]) -> None:
    """As a replica that was promoted is: without the newest transactions, of all tables."""
    async with database.transaction():
        for schema in ("monitor", "gateway"):
            await database.execute(f"SET LOCAL search_path = {schema}")
            await database.execute("DELETE FROM read_offsets")
            rows = [(row["topic"], row["partition"], row["next_offset"]) for row in read if row["schema"] == schema]
            await database.executemany("INSERT INTO read_offsets VALUES ($1, $2, $3)", rows)
        await database.execute("DELETE FROM monitor.attempts WHERE inference_id = ANY($1)", lost)
        await database.execute("DELETE FROM monitor.inferences WHERE inference_id = ANY($1)", lost)
        await database.execute("DELETE FROM gateway.results WHERE inference_id = ANY($1)", lost)


@pytest.mark.parametrize("monitor", ["lives", "is killed"])
async def test_what_a_restored_database_has_lost_is_booked_again(stack: Live, tenant: Api, monitor: str) -> None:
    model = await tenant.add_model("good", stack.model_server_url)
    database = await asyncpg.connect(stack.environment["DATABASE_URL"])
    try:
        await served(tenant, model)
        before = await read_so_far(database)
        lost = await served(tenant, model)
        await until_there(database, lost, _CALLS)
        if monitor == "is killed":
            stack.stack.signal_program("monitor", signal.SIGKILL)

        await go_back(database, lost, before)

        await until_there(database, lost, _CALLS)
    finally:
        await database.close()
    if monitor == "is killed":
        await asyncio.to_thread(stack.stack.wait_ready, "monitor")
    audit = json.loads((await stack.command("audit", "--json")).stdout)
    assert audit["balanced"], audit["violations"][:5]
