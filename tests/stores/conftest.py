"""Each test runs on the stores in memory, and with the mark `real_postgres` on a database that is started for them."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from shared.db import DatabaseSettings, connect_pool
from shared.db.migrate import migrate
from shared.db.pool import Pool
from shared.events import new_id
from tests.stores.bench import MIGRATIONS, TENANT, Stores, memory_stores, sql_stores
from tests.support.object_store import running_object_store
from tests.support.postgres import running_postgres


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture(scope="session")
def object_store_url() -> Iterator[str]:
    with running_object_store() as url:
        yield url


@pytest_asyncio.fixture(scope="session")
async def pool(postgres_url: str) -> AsyncIterator[Pool]:
    pool = await connect_pool(DatabaseSettings(database_url=SecretStr(postgres_url)))
    await pool.execute("INSERT INTO gateway.tenants (tenant_id, created_at) VALUES ($1, now())", TENANT)
    yield pool
    await pool.close()


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.real_postgres)])
def stores(request: pytest.FixtureRequest) -> Stores:
    return memory_stores() if request.param == "memory" else sql_stores(request.getfixturevalue("pool"))


@pytest.fixture
def sql(request: pytest.FixtureRequest) -> Stores:
    """For tests with the mark `real_postgres`."""
    return sql_stores(request.getfixturevalue("pool"))


@pytest_asyncio.fixture
async def empty(postgres_url: str) -> AsyncIterator[str]:
    """The URL of a database without tables."""
    server, name = await asyncpg.connect(postgres_url), f"days_{new_id().hex}"
    await server.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_url.rpartition('/')[0]}/{name}"
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await server.close()


@pytest_asyncio.fixture
async def books(empty: str) -> AsyncIterator[Pool]:
    await migrate(empty, MIGRATIONS)
    pool = await connect_pool(DatabaseSettings(database_url=SecretStr(empty)))
    yield pool
    await pool.close()
