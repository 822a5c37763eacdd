"""The embedded PostgreSQL alone, with this version's schema."""

from contextlib import AbstractContextManager
from pathlib import Path

from deploy.local import lone_postgres
from deploy.local.lone_postgres import Postgres

__all__ = ["Postgres", "running_postgres", "running_server"]

_MARK = "TALLYGATE_TESTS=1"


def running_server(folder: Path) -> AbstractContextManager[Postgres]:
    return lone_postgres.running_server(folder, _MARK)


def running_postgres(folder: Path) -> AbstractContextManager[str]:
    """Its DATABASE_URL."""
    return lone_postgres.running_postgres(folder, _MARK)
