"""A pool that raises an error of its own when the database is away, or cannot do it now.

For code whose other work may raise the same OSError or TimeoutError, and must tell the two apart.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from shared.db.failures import RETRYABLE
from shared.db.pool import Pool


class DatabaseAwayError(ConnectionError):
    """The database cannot be reached at present; try again later. One of RETRYABLE; only the database causes it."""


class Database:
    """`execute`, `fetch` and `fetchrow` of a pool. Raises DatabaseAwayError for what is RETRYABLE."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def execute(self, sql: str, *values: Any) -> str:
        with _away():
            return await self._pool.execute(sql, *values)

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        with _away():
            return await self._pool.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> asyncpg.Record | None:
        with _away():
            return await self._pool.fetchrow(sql, *values)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except RETRYABLE as error:
        raise DatabaseAwayError(type(error).__name__) from error
