"""TensorZero's tables. Its wheel has no command that makes them; the SQL lies in its source package."""

import os
import subprocess
import sys
from pathlib import Path

import asyncpg

from benchmarks.peers.install import cache, pinned_requirement
from deploy.local.failure import LocalRunError
from deploy.local.progress import say, step

_DOWNLOAD_S = 300.0
# The folders that have migrations, and the tables where it looks which of them were made.
_MADE_IN = {
    "tensorzero-core": "_sqlx_migrations",
    "tensorzero-auth": "tensorzero_auth__sqlx_migrations",
    "tensorzero-stored-config": "tensorzero_stored_config__sqlx_migrations",
}
_TABLE = """
CREATE TABLE {table} (version bigint PRIMARY KEY, description text NOT NULL,
    installed_on timestamptz NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL,
    execution_time bigint NOT NULL)
"""


async def make_tables(url: str, sources: Path) -> None:
    """In the order of their names, which begin with their numbers."""
    connection = await asyncpg.connect(url)
    try:
        for folder, table in _MADE_IN.items():
            await connection.execute(_TABLE.format(table=table))
            for name, statements in _migrations_of(sources, folder):
                await _make(connection, table, name, statements)
    finally:
        await connection.close()


async def _make(connection: asyncpg.Connection, table: str, name: str, statements: str) -> None:
    """One of them needs a schema of another package, for what no inference touches: it fails, and is said."""
    try:
        await connection.execute(statements)
    except asyncpg.PostgresError as error:
        say(f"  TensorZero's migration {name} is left out: {error}")
    insert = f"INSERT INTO {table} VALUES ($1, $2, now(), true, '', 0)"  # noqa: S608 - ours
    await connection.execute(insert, int(name.partition("_")[0]), name)


def source_package() -> Path:
    """Unpacked. Building it needs a Rust compiler, and may fail: only files are wanted, which pip keeps."""
    pinned = pinned_requirement("tensorzero")
    place = cache() / f"{pinned.replace('==', '-')}-source"
    place.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "tensorzero", "--no-clean"]
    command += ["--dest", str(place), pinned]
    if not _migrations_of(place, "tensorzero-core"):
        with step(f"download the source package of TensorZero into {place}"):
            subprocess.run(
                command,
                env=os.environ | {"TMPDIR": str(place)},
                capture_output=True,
                timeout=_DOWNLOAD_S,
                check=False,
            )
    if not _migrations_of(place, "tensorzero-core"):
        raise LocalRunError(f"There is no SQL in the source package of TensorZero; `{' '.join(command)}` says why.")
    return place


def _migrations_of(sources: Path, folder: str) -> list[tuple[str, str]]:
    """Names and statements."""
    return sorted((file.stem, file.read_text()) for file in sources.glob(f"**/{folder}/**/migrations/*.sql"))
