"""Days of the books: made, moved, dropped, and what was there before there were any."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.retention.days import first_id, midnight
from services.monitor.retention.retention import make_days, prune
from services.monitor.retention.store import TABLES, RetentionStore
from services.monitor.rollups.steps import SUMMED_FROM
from services.monitor.rollups.store import RollupStore
from shared.db import DatabaseSettings, connect_pool
from shared.db.migrate import migrate
from shared.db.pool import Pool
from shared.events import InferenceEvent, new_id, utc_now
from tests.stores.bench import MIGRATIONS
from tests.unit.shared.events.samples import ended, settled, started

pytestmark = pytest.mark.real_postgres

KEYS = "0010"
TODAY = utc_now().date()  # or, around midnight, yesterday: days that are made lie at least three ahead of it
FOREIGN = UUID("ffffffff-ffff-7fff-8fff-ffffffffffff")

ATTEMPTS = TABLES[0]
_PLACES = "SELECT inference_id, tableoid::regclass::text AS place FROM monitor.{table}"


def id_of(day: date) -> UUID:
    """A UUIDv7 of that day."""
    return UUID(int=first_id(day).int | 0x7ABC << 64 | 0x8DEF << 48 | new_id().int & 0xFFFF_FFFF)


def inference(inference_id: UUID, at: datetime, *, is_open: bool = False) -> list[InferenceEvent]:
    call: dict[str, Any] = {"inference_id": inference_id, "attempt_id": new_id()}
    start = started(**call, accepted_at=at, started_at=at, deadline_at=at + timedelta(seconds=60))
    if is_open:
        return [start]
    end = ended(**call, started_at=at, ended_at=at, event_id=new_id())
    return [start, end, settled(inference_id=inference_id, accepted_at=at, settled_at=at, event_id=new_id())]


async def book(pool: Pool, events: list[InferenceEvent]) -> int:
    return await BookStore(pool).book(fold(events), utc_now())


async def places(pool: Pool, table: str) -> dict[UUID, str]:
    """In which partition each row lies."""
    rows = await pool.fetch(_PLACES.format(table=table))
    return {row["inference_id"]: row["place"].removeprefix("monitor.") for row in rows}


async def sum_up(pool: Pool) -> None:
    async with RollupStore(pool).turn() as turn:
        assert turn is not None
        _, touched = await turn.take_touched(5000)
        await turn.sum_up_minutes(touched, utc_now())
        await turn.sum_up_by_key(utc_now() + timedelta(days=100), 1000)
        for step in SUMMED_FROM:
            await turn.sum_up(step, utc_now() + timedelta(days=100), 1000)


async def test_the_first_word_counts_wherever_the_id_of_an_inference_lies(books: Pool) -> None:
    await make_days(RetentionStore(books), utc_now())
    ids = [
        id_of(TODAY - timedelta(days=400)),
        new_id(),
        id_of(TODAY + timedelta(days=3)),
        id_of(TODAY + timedelta(days=400)),
        FOREIGN,
    ]
    for inference_id in ids:
        start, end, settlement = inference(inference_id, utc_now())
        second = settled(inference_id=inference_id, settlement="failed", event_id=new_id())
        assert await book(books, [start, end]) == 0
        assert await book(books, [settlement]) == 0
        assert await book(books, [end, settlement]) == 0
        assert await book(books, [second]) == 1
    found = await places(books, "inferences")
    day = f"inferences_{TODAY + timedelta(days=3):%Y%m%d}"
    assert [found[each] for each in ids] == [
        "inferences_past",
        "inferences_past",
        day,
        "inferences_other",
        "inferences_foreign",
    ]
    assert await books.fetchval("SELECT count(*) FROM monitor.inferences WHERE settlement = 'completed'") == len(ids)
    assert await books.fetchval("SELECT count(*) FROM monitor.attempts WHERE outcome = 'succeeded'") == len(ids)
    assert await books.fetchval("SELECT count(*) FROM monitor.late_words") == len(ids)


async def test_what_came_before_its_day_was_made_is_moved_there_while_events_are_booked(books: Pool) -> None:
    store, early = RetentionStore(books), [id_of(TODAY + timedelta(days=3)) for _ in range(40)]

    async def book_all() -> None:
        for inference_id in early:
            await book(books, inference(inference_id, utc_now()))

    booking = asyncio.create_task(book_all())
    await asyncio.sleep(0.05)
    await make_days(store, utc_now())
    await booking
    for table in ("attempts", "inferences"):
        name = f"{table}_{TODAY + timedelta(days=3):%Y%m%d}"
        assert await places(books, table) == dict.fromkeys(early, name)


async def test_a_day_is_dropped_but_for_what_is_open_or_younger_than_its_id(books: Pool) -> None:
    store, day = RetentionStore(books), TODAY + timedelta(days=3)
    await make_days(store, utc_now())
    then, later = midnight(day), midnight(day + timedelta(days=3))
    gone, held, young, past = id_of(day), id_of(day), id_of(day), id_of(TODAY - timedelta(days=9))
    await book(
        books,
        inference(gone, then) + inference(held, then, is_open=True) + inference(young, later) + inference(past, then),
    )
    await store.keep_from(midnight(day + timedelta(days=1)))
    await prune(store)
    assert gone in await places(books, "attempts"), "its calls were not summed up yet"
    await sum_up(books)
    dropped: list[str] = []
    await prune(store, dropped.append)
    assert f"attempts {day}" in dropped
    for table in ("attempts", "inferences"):
        assert await places(books, table) == {held: f"{table}_other", young: f"{table}_other"}
    assert await books.fetchval("SELECT sum(calls) FROM monitor.calls_by_hour") == 3, "what was counted stays counted"


async def test_what_is_said_of_a_dropped_day_changes_no_sum(books: Pool) -> None:
    store, at = RetentionStore(books), utc_now() - timedelta(days=40)
    events = inference(id_of(at.date()), at)
    await book(books, events)
    await sum_up(books)
    before = await books.fetch("SELECT * FROM monitor.calls_by_day")
    await store.keep_from(midnight(TODAY - timedelta(days=30)))
    await prune(store)
    assert await places(books, "attempts") == {}
    late = await BookStore(books).book(fold(events, await store.kept_from()), utc_now())
    await book(books, events)  # by a monitor that has not heard of it yet
    await sum_up(books)
    assert late == 3
    assert await books.fetchval("SELECT count(*) FROM monitor.late_words") == 3
    assert await books.fetch("SELECT * FROM monitor.calls_by_day") == before != []


async def test_a_table_that_is_in_use_is_waited_for_a_moment_only(books: Pool) -> None:
    async with books.acquire() as reader, reader.transaction():
        await reader.fetch("SELECT * FROM monitor.attempts")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await RetentionStore(books).make_day(ATTEMPTS, TODAY + timedelta(days=20))


async def test_rows_that_were_there_before_are_kept_where_they_are_and_summed_up(empty: str) -> None:
    await migrate(empty, [step for step in MIGRATIONS if step.name < KEYS])
    old = await asyncpg.connect(empty)
    ids = [id_of(TODAY - timedelta(days=3)), id_of(TODAY), id_of(TODAY + timedelta(days=5)), FOREIGN]
    for inference_id in ids:
        await old.execute(
            "INSERT INTO monitor.attempts (attempt_id, inference_id, tenant_id, attempt_number, model, provider_name, "
            "server_address, started_at, on_record, outcome, ended_at, duration_s) "
            "VALUES ($1, $2, 'acme', 1, 'custom:m', 'p', 'h:80', $3, true, 'succeeded', $3, 1)",
            new_id(), inference_id, datetime(2026, 11, 1, tzinfo=UTC),
        )  # fmt: skip
    await old.close()
    await migrate(empty, MIGRATIONS)
    pool = await connect_pool(DatabaseSettings(database_url=SecretStr(empty)))
    await make_days(RetentionStore(pool), utc_now())
    day = f"attempts_{TODAY + timedelta(days=5):%Y%m%d}"
    found = await places(pool, "attempts")
    assert [found[each] for each in ids] == ["attempts_past", "attempts_past", day, "attempts_foreign"]
    await sum_up(pool)
    assert await pool.fetchval("SELECT sum(calls) FROM monitor.calls_by_day") == 4
    await pool.close()
