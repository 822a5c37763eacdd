"""Whoever is frozen with a lock loses it: PostgreSQL ends the session of a process that stands still."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import services.monitor
from shared.db.migrate import migrate, migrations_of
from shared.db.pool import DatabaseSettings, Pool

pytestmark = pytest.mark.real_postgres

_IN_A_TRANSACTION = """
import asyncio, os, signal
from shared.db import DatabaseSettings, connect_pool

async def main():
    pool = await connect_pool(DatabaseSettings())
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(4711)")
        os.kill(os.getpid(), signal.SIGSTOP)

asyncio.run(main())
"""
_BETWEEN_MIGRATIONS = """
import asyncio, os, signal
from shared.db import migrate

migrate._SILENCE_S = 1
migrate._missing = lambda *_: os.kill(os.getpid(), signal.SIGSTOP) or []
asyncio.run(migrate.migrate(os.environ["DATABASE_URL"], []))
"""


@contextmanager
def frozen(code: str, url: str) -> Iterator[None]:
    """A process that has come to the place where it stops itself."""
    process = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "DATABASE_URL": url, "DATABASE_SILENCE_S": "1"}
    )
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


async def test_a_lock_that_a_frozen_process_holds_in_a_transaction_is_free_soon(pool: Pool, postgres_url: str) -> None:
    with frozen(_IN_A_TRANSACTION, postgres_url):
        assert not await pool.fetchval("SELECT pg_try_advisory_xact_lock(4711)")
        async with asyncio.timeout(30):
            await pool.execute("SELECT pg_advisory_xact_lock(4711)")


async def test_a_frozen_process_that_migrates_holds_up_no_other(postgres_url: str, pool: Pool) -> None:
    known = migrations_of("monitor", Path(services.monitor.__file__).parent / "migrations")
    with frozen(_BETWEEN_MIGRATIONS, postgres_url):
        async with asyncio.timeout(30):
            assert await migrate(postgres_url, known) == []


async def test_sessions_ask_to_be_ended_when_their_network_is_silent(pool: Pool) -> None:
    wanted = DatabaseSettings().session()
    told = {name: await pool.fetchval("SELECT setting FROM pg_settings WHERE name = $1", name) for name in wanted}
    assert told == wanted
