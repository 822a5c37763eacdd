"""Whose job is next: decided by the database, so it is asked of a real one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest_asyncio
from pydantic import SecretStr

import services.features
from services.features.store import FeaturesStore
from shared.db import DatabaseSettings, connect_pool
from shared.db.database import Database
from shared.db.migrate import migrate, migrations_of
from shared.events import new_id
from tests.support.live import Live

NOW = datetime.now(UTC)
SCRATCH = "feature_turns"


@pytest_asyncio.fixture
async def store(stack: Live) -> AsyncIterator[FeaturesStore]:
    """In a database of its own, where no worker takes anything."""
    shared = stack.environment["DATABASE_URL"]
    own = shared.rpartition("/")[0] + f"/{SCRATCH}"
    server = await asyncpg.connect(shared)
    await server.execute(f"CREATE DATABASE {SCRATCH}")
    try:
        await migrate(own, migrations_of("features", Path(services.features.__file__).parent / "migrations"))
        pool = await connect_pool(DatabaseSettings(database_url=SecretStr(own)))
        yield FeaturesStore(Database(pool))
        await pool.close()
    finally:
        await server.execute(f"DROP DATABASE {SCRATCH} WITH (FORCE)")
        await server.close()


async def _add(store: FeaturesStore, tenant_id: str, age_s: float) -> UUID:
    feature_id, accepted_at = new_id(), NOW - timedelta(seconds=age_s)
    await store.add_job(feature_id, tenant_id, b"{}", None, accepted_at, NOW + timedelta(hours=1))
    return feature_id


async def test_tenants_take_turns_and_within_each_the_oldest_job_comes_first(store: FeaturesStore) -> None:
    many = [await _add(store, "many", 100 - number) for number in range(4)]
    one = await _add(store, "one", 10)
    other = await _add(store, "other", 5)

    taken = [await store.take("w1", 60) for _ in range(6)]

    assert [job.job_id for job in taken if job is not None] == [many[0], one, other, *many[1:]]
    assert await store.take("w1", 60) is None


async def test_a_job_whose_lease_has_ended_is_anybodys_again(store: FeaturesStore) -> None:
    lost = await _add(store, "acme", 10)
    await store.take("w1", -1)

    again = await store.take("w2", 60)

    assert again is not None
    assert (again.job_id, again.delivery) == (lost, 2)
    assert await store.renew("w1", [lost], 60) == set()
