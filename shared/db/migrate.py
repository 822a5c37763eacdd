"""Apply each service's `migrations/NNNN_*.sql` once, in order, under one lock, while the services run.

A statement that waits for a table makes everything behind it wait too. So none waits longer than `_LOCK_TIMEOUT`: it is
taken back and tried again, and who is in the way is named. An index on a table that has rows is built without locking
it, by a file of its own that holds nothing but `CREATE INDEX CONCURRENTLY name ON schema.table ...`.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import asyncpg

from shared.background import end_task
from shared.db.failures import BlockedError, NotMigratedError, NotPermittedError
from shared.db.pool import Connection, DatabaseSettings, connect_pool, ends_when_silent
from shared.errors import ConfigurationError

_LOCK = 0x7A11  # any number; all migrating processes must use the same one
_LOCK_TIMEOUT = "2s"  # the services' statements behind it wait as long
_INDEX_LOCK_TIMEOUT = "60s"  # nobody waits behind it; it waits for every transaction that is open
# A process that is frozen, or cut off, holds the lock no longer than this after its last statement.
_SILENCE_S = 30
_TRIES = 30
_RETRY_S = 1.0
_LOOK_EVERY_S = 0.2

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    service text NOT NULL, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, name))
"""
_INDEX = re.compile(r"\bCREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(\w+)\s+ON\s+(\w+)\.\w+", re.IGNORECASE)
_BLOCKING = """
SELECT pid, usename, application_name, state, left(query, 80) AS query
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids($1)) LIMIT 1
"""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Migration:
    service: str
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def index(self) -> str | None:
        """With its schema, when this builds one and does not lock its table."""
        found = _INDEX.search(self.sql)
        return f"{found[2]}.{found[1]}" if found else None

    def __str__(self) -> str:
        return f"{self.service}/{self.name}"


def migrations_of(service: str, folder: Path) -> list[Migration]:
    return [Migration(service, path.name, path.read_text()) for path in sorted(folder.glob("*.sql"))]


async def migrate(dsn: str, migrations: Sequence[Migration], tell: Tell = lambda _: None) -> list[Migration]:
    """Apply what is missing; returns what was applied. `tell` is given a sentence when somebody is in the way.

    Raises ConfigurationError when an applied file was changed, or when who is in the way stays there.
    """
    async with _session(dsn) as (connection, blocking):
        await _patiently("the lock of migrations", lambda: _lock(connection), blocking, tell)
        await connection.execute(_LEDGER)
        missing = list(_missing(migrations, await _applied(connection)))
        for migration in missing:
            await _patiently(f"a table of {migration}", partial(_apply, connection, migration), blocking, tell)
        return missing


async def require_migrated(settings: DatabaseSettings, migrations: Sequence[Migration]) -> None:
    """Waits for a database that is still starting. Raises ConfigurationError when a migration is missing there."""
    pool = await connect_pool(settings)
    try:
        async with pool.acquire() as connection:
            missing = [step for step in migrations if (step.service, step.name) not in await _applied(connection)]
    except NotPermittedError:  # of who may not look, the tables themselves will say what is missing
        return
    except NotMigratedError:
        missing = list(migrations)
    finally:
        await pool.close()
    if missing:
        raise ConfigurationError(f"the database lacks {missing[0]}, which this version needs; run: tallygate migrate")


class _Blocking:
    """Who is in the way of a session, as it was last seen."""

    def __init__(self, watcher: asyncpg.Connection, pid: int) -> None:
        self._watcher = watcher
        self._pid = pid
        self.seen = "nobody who could be seen"

    async def look(self) -> None:
        while True:
            row = await self._watcher.fetchrow(_BLOCKING, self._pid)
            if row is not None:
                self.seen = f"session {row['pid']} of {row['usename']} ({row['state']}): {row['query']}"
            await asyncio.sleep(_LOOK_EVERY_S)


@asynccontextmanager
async def _session(dsn: str) -> "AsyncIterator[tuple[asyncpg.Connection, _Blocking]]":
    timeouts = ends_when_silent(_SILENCE_S) | {"idle_session_timeout": f"{_SILENCE_S}s"}
    settings = {"lock_timeout": _LOCK_TIMEOUT, "application_name": "tallygate migrate", **timeouts}
    connection = await asyncpg.connect(dsn, server_settings=settings)
    try:
        watcher = await asyncpg.connect(dsn)
        blocking = _Blocking(watcher, connection.get_server_pid())
        looking = asyncio.create_task(blocking.look())
        try:
            yield connection, blocking
        finally:
            await end_task(looking)
            await watcher.close()
    finally:
        await connection.close()


async def _patiently(what: str, attempt: Callable[[], Awaitable[None]], blocking: _Blocking, tell: Tell) -> None:
    for tried in range(_TRIES):
        try:
            await attempt()
        except BlockedError as error:
            if tried == _TRIES - 1:
                end = "wait until it has ended, or end it: SELECT pg_terminate_backend(<session>)"
                raise ConfigurationError(f"{what} cannot be had; in the way is {blocking.seen}; {end}") from error
            tell(f"{what} is waited for; in the way is {blocking.seen}")
            await asyncio.sleep(_RETRY_S)
        else:
            return


async def _lock(connection: asyncpg.Connection) -> None:
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    if migration.index is None:
        async with connection.transaction():
            await connection.execute(migration.sql)
            await _note(connection, migration)
        return
    await connection.execute(f"SET lock_timeout = '{_INDEX_LOCK_TIMEOUT}'")
    try:
        await _build_index(connection, migration.index, migration.sql)
        await _note(connection, migration)
    finally:
        await connection.execute(f"SET lock_timeout = '{_LOCK_TIMEOUT}'")


async def _build_index(connection: asyncpg.Connection, index: str, sql: str) -> None:
    """One that was not built to its end is there all the same, marked as invalid: it costs writes and serves nobody."""
    valid = await connection.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)", index)
    if valid is False:
        await connection.execute(f"DROP INDEX CONCURRENTLY {index}")
    if not valid:
        await connection.execute(sql)


async def _note(connection: asyncpg.Connection, migration: Migration) -> None:
    await connection.execute(
        "INSERT INTO schema_migrations (service, name, sha256) VALUES ($1, $2, $3)",
        migration.service, migration.name, migration.sha256,
    )  # fmt: skip


async def _applied(connection: Connection) -> dict[tuple[str, str], str]:
    rows = await connection.fetch("SELECT service, name, sha256 FROM schema_migrations")
    return {(row["service"], row["name"]): row["sha256"] for row in rows}


def _missing(migrations: Iterable[Migration], known: dict[tuple[str, str], str]) -> Iterable[Migration]:
    for migration in migrations:
        applied = known.get((migration.service, migration.name))
        if applied is None:
            yield migration
        elif applied != migration.sha256:
            raise ConfigurationError(
                f"migration {migration} was changed after it had been applied; put it back and add a new file instead"
            )
