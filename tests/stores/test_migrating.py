"""Migrations of a database that is in use: nobody waits long behind them, and whatever ends one, the next goes on."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from pydantic import SecretStr

from shared.db import DatabaseSettings
from shared.db import migrate as migrating
from shared.db.migrate import Migration, migrate, require_migrated
from shared.errors import ConfigurationError
from shared.events import new_id

pytestmark = [pytest.mark.real_postgres, pytest.mark.timeout(60)]

FIRST = Migration("shop", "0001_first.sql", "CREATE SCHEMA shop; CREATE TABLE shop.sold (id int, at int);")
COLUMN = Migration("shop", "0002_column.sql", "ALTER TABLE shop.sold ADD COLUMN price int;")
INDEX = Migration("shop", "0003_index.sql", "CREATE UNIQUE INDEX CONCURRENTLY sold_by_id ON shop.sold (id);")
ALL = [FIRST, COLUMN, INDEX]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "_LOCK_TIMEOUT", "300ms")
    monkeypatch.setattr(migrating, "_RETRY_S", 0.1)
    monkeypatch.setattr(migrating, "_TRIES", 2)


@pytest_asyncio.fixture
async def url(postgres_url: str) -> AsyncIterator[str]:
    name = f"shop_{new_id().hex}"
    admin = await asyncpg.connect(postgres_url)
    await admin.execute(f"CREATE DATABASE {name}")
    yield f"{postgres_url.rpartition('/')[0]}/{name}"
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest_asyncio.fixture
async def other(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    yield connection
    await connection.close(timeout=1)


async def test_who_is_in_the_way_is_named_and_nobody_waits_long_behind_it(url: str, other: asyncpg.Connection) -> None:
    await migrate(url, [FIRST])
    told: list[str] = []
    async with other.transaction():
        await other.execute("SELECT 'a long report' FROM shop.sold")
        migration = asyncio.create_task(migrate(url, ALL, told.append))
        await asyncio.sleep(0.1)
        third = await asyncpg.connect(url)
        async with asyncio.timeout(20):
            await third.execute("SELECT FROM shop.sold")  # behind the migration, which waits for the report
        await third.close()
        with pytest.raises(ConfigurationError, match=f"session {other.get_server_pid()} .*a long report.*pg_terminate"):
            await migration
    assert "0002_column.sql is waited for" in told[0]

    assert await migrate(url, ALL) == [COLUMN, INDEX]


async def test_an_index_that_was_not_built_to_its_end_is_built_anew(url: str, other: asyncpg.Connection) -> None:
    await migrate(url, [FIRST, COLUMN])
    await other.execute("INSERT INTO shop.sold VALUES (1, 1), (1, 2)")
    with pytest.raises(asyncpg.UniqueViolationError):
        await migrate(url, ALL)
    valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('shop.sold_by_id')"
    assert await other.fetchval(valid) is False
    await other.execute("DELETE FROM shop.sold WHERE at = 2")

    assert await migrate(url, ALL) == [INDEX]

    assert await other.fetchval(valid) is True
    await other.execute("DELETE FROM schema_migrations WHERE name = '0003_index.sql'")  # died before it was noted
    assert await migrate(url, ALL) == [INDEX]


async def test_of_two_at_once_each_migration_is_applied_by_one(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "_TRIES", 20)
    one, two = await asyncio.gather(migrate(url, ALL), migrate(url, ALL))
    assert sorted([*one, *two], key=str) == ALL


async def test_one_that_is_frozen_loses_the_lock(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "_TRIES", 20)
    monkeypatch.setattr(migrating, "_SILENCE_S", 1)
    async with migrating._session(url) as (frozen, _):
        await migrating._lock(frozen)
        assert await migrate(url, ALL) == ALL


async def test_a_service_that_is_newer_than_the_database_says_so_when_it_starts(url: str) -> None:
    settings = DatabaseSettings(database_url=SecretStr(url))
    with pytest.raises(ConfigurationError, match=r"lacks shop/0001_first.sql.*run: tallygate migrate"):
        await require_migrated(settings, ALL)
    await migrate(url, [FIRST])
    with pytest.raises(ConfigurationError, match=r"lacks shop/0002_column.sql.*run: tallygate migrate"):
        await require_migrated(settings, ALL)
    await migrate(url, ALL)
    await require_migrated(settings, ALL)
