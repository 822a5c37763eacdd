"""What a price depends on is booked of each call, and summed up so that it can be priced again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.summary.store import Span, SummaryStore
from services.monitor.summary.timeline import timeline
from shared.db import DatabaseSettings, connect_pool
from shared.events import new_id
from tests.support.live import Live
from tests.unit.shared.events.samples import INFERENCE, NOW, ended, started

_SPAN = Span("acme", NOW - timedelta(hours=1), NOW + timedelta(hours=1), None)
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")


class OneConnection:
    """In place of a pool: all of it in one transaction, which the stack's own books never see."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.fetch = connection.fetch

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        yield self._connection


@asynccontextmanager
async def books_of_its_own(stack: Live) -> AsyncIterator[tuple[BookStore, SummaryStore]]:
    pool = await connect_pool(DatabaseSettings.model_validate({"database_url": stack.environment["DATABASE_URL"]}))
    try:
        async with pool.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            try:
                pool_of_one: Any = OneConnection(connection)
                yield BookStore(pool_of_one), SummaryStore(pool_of_one)
            finally:
                await transaction.rollback()
    finally:
        await pool.close()


async def test_calls_are_summed_up_by_the_steps_of_a_price_with_what_was_cached(stack: Live) -> None:
    calls = [(200_000, 1, 0, 0), (100_000, 2, 90_000, 5_000), (200_001, 3, 200_000, 1), (900_000, 4, 0, 0), (None,) * 4]
    events: list[Any] = []
    for call in calls:
        counted = {name: value for name, value in zip(_TOKENS, call, strict=True) if value is not None}
        events.append(ended(attempt_id=new_id(), **counted))
    events.append(started(attempt_id=new_id()))
    async with books_of_its_own(stack) as (books, store):
        await books.book(fold(events), NOW)
        rows = await store.attempts(_SPAN, (200_001,))
        succeeded = [(row["n"], *(row[name] for name in _TOKENS)) for row in rows if row["outcome"] == "succeeded"]
        assert sorted(succeeded) == [(2, 1_100_001, 7, 200_000, 1), (3, 300_000, 3, 90_000, 5_000)]
        together = [row["n"] for row in await store.attempts(_SPAN)]
        assert sorted(together) == [1, 5]


@pytest.mark.parametrize("late", [False, True])
async def test_a_timeline_shows_what_was_cached(stack: Live, late: bool) -> None:
    start, end = started(), ended(input_tokens=30, output_tokens=4, cache_read_tokens=20, cache_write_tokens=5)
    async with books_of_its_own(stack) as (books, store):
        for event in (end, start) if late else (start, end):
            await books.book(fold([event]), NOW)
        attempts = await store.attempts_of("acme", INFERENCE)
        inference = await store.inference("acme", INFERENCE)
        assert inference is not None
        shown = timeline(inference, attempts)["attempts"][0]
        assert [shown[name] for name in _TOKENS] == [30, 4, 20, 5]
