"""The pool, as far as the worker uses it: what says that the database is away is told apart from any other error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from shared.db.pool import RETRYABLE, Pool


class DatabaseAwayError(ConnectionError):
    """It passes by itself: what was being done can go on later. A job's own files and commands fail otherwise."""


class Database:
    """`execute`, `fetch` and `fetchrow` of a pool. Raises DatabaseAwayError for what may pass."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def execute(self, sql: str, *values: Any) -> str:
        with _told():
            return await self._pool.execute(sql, *values)

    async def fetch(self, sql: str, *values: Any) -> list[asyncpg.Record]:
        with _told():
            return await self._pool.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> asyncpg.Record | None:
        with _told():
            return await self._pool.fetchrow(sql, *values)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except RETRYABLE as error:
        raise DatabaseAwayError(type(error).__name__) from error
