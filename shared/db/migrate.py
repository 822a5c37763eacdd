"""Apply each service's `migrations/NNNN_*.sql` once, in order, under one lock."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from shared.db.pool import ends_when_silent
from shared.errors import ConfigurationError

_LOCK = 0x7A11  # any number; all migrating processes must use the same one

# Who has said nothing for so long is frozen or gone: others may migrate.
_SILENCE_S = 30

_LEDGER = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    service text NOT NULL, name text NOT NULL, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (service, name))
"""


@dataclass(frozen=True)
class Migration:
    service: str
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations_of(service: str, folder: Path) -> list[Migration]:
    return [Migration(service, path.name, path.read_text()) for path in sorted(folder.glob("*.sql"))]


async def migrate(dsn: str, migrations: Sequence[Migration]) -> list[Migration]:
    """Apply what is missing; returns what was applied. Raises ConfigurationError when an applied file was changed."""
    # The lock is the session's, and is held between transactions too.
    silence = ends_when_silent(_SILENCE_S) | {"idle_session_timeout": f"{_SILENCE_S}s"}
    connection = await asyncpg.connect(dsn, server_settings=silence)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await connection.execute(_LEDGER)
        known = {(row["service"], row["name"]): row["sha256"]
                 for row in await connection.fetch("SELECT service, name, sha256 FROM schema_migrations")}  # fmt: skip
        missing = list(_missing(migrations, known))
        for migration in missing:
            async with connection.transaction():
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO schema_migrations (service, name, sha256) VALUES ($1, $2, $3)",
                    migration.service, migration.name, migration.sha256)  # fmt: skip
        return missing
    finally:
        await connection.close()


def _missing(migrations: Iterable[Migration], known: dict[tuple[str, str], str]) -> Iterable[Migration]:
    for migration in migrations:
        applied = known.get((migration.service, migration.name))
        if applied is None:
            yield migration
        elif applied != migration.sha256:
            raise ConfigurationError(
                f"migration {migration.service}/{migration.name} was changed after it had been applied; "
                "put it back and add a new file instead"
            )
