"""A pool whose errors tell whether it was the database, for code whose own work may fail in the same ways."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg

from shared.db.pool import RETRYABLE, Pool


class DatabaseAwayError(ConnectionError):
    """It passes by itself: what was being done can go on later. One of RETRYABLE, and never of a job's own doing."""


class Database:
    """`execute`, `fetch` and `fetchrow` of a pool. Raises DatabaseAwayError for what may pass."""

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
