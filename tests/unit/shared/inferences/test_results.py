"""A stored result wakes whoever waits for it, notified or not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.events import new_id
from shared.inferences import Pending, Results
from shared.inferences.store import StoredResult
from tests.unit.shared.events.samples import INFERENCE, reply_failed
from tests.unit.shared.inferences.fakes import Table

NEVER_S = 600.0  # by itself it looks once, and not again while a test runs


@asynccontextmanager
async def watching(table: Table, look_every_s: float = NEVER_S) -> AsyncIterator[Results]:
    results = Results(table, Pending(), look_every_s)
    await results.start()
    try:
        yield results
    finally:
        await results.stop()


async def read(table: Table, times: int = 1) -> None:
    async with asyncio.timeout(30):
        while table.readings < times:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_result_that_is_there_is_found_at_once() -> None:
    table, reply = Table(), reply_failed()
    table.store(reply)
    async with watching(table) as results, asyncio.timeout(30):
        with results.expect(INFERENCE, "acme") as future:
            assert await future == reply


async def test_a_notification_wakes_only_for_what_is_waited_for() -> None:
    table, reply = Table(), reply_failed()
    async with watching(table) as results, asyncio.timeout(30):
        with results.expect(INFERENCE, "acme") as future:
            await read(table)
            table.store(reply)
            results.changed(str(new_id()))
            await asyncio.sleep(0.01)
            assert (table.readings, future.done()) == (1, False)
            results.changed(str(INFERENCE))
            assert await future == reply


async def test_after_a_gap_in_the_notifications_everything_is_looked_up() -> None:
    table, reply = Table(), reply_failed()
    async with watching(table) as results, asyncio.timeout(30):
        with results.expect(INFERENCE, "acme") as future:
            await read(table)
            table.store(reply)
            results.changed(None)
            assert await future == reply


async def test_without_any_notification_it_is_found_by_looking() -> None:
    table, reply = Table(), reply_failed()
    table.failing = ConnectionError()
    async with watching(table, 0.001) as results, asyncio.timeout(30):
        with results.expect(INFERENCE, "acme") as future:
            await asyncio.sleep(0.01)
            table.failing = None  # the database was away for a while
            table.store(reply)
            assert await future == reply


async def test_a_row_that_cannot_be_read_is_no_result() -> None:
    table = Table()
    table.rows.append(StoredResult(INFERENCE, "acme", "no.such.event", b"{}"))
    async with watching(table, 0.001) as results:
        with results.expect(INFERENCE, "acme") as future:
            await read(table, times=2)
            assert not future.done()


async def test_nothing_is_read_while_nobody_waits() -> None:
    table = Table()
    async with watching(table, 0.001) as results:
        with results.expect(INFERENCE, "acme"):
            pass
        await asyncio.sleep(0.01)
        assert table.readings <= 1  # the look that was due when the last one left
