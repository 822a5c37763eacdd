from datetime import timedelta

from services.monitor.books.books import ALL_KEPT, fold
from services.monitor.books.store import BookStore
from services.monitor.reading.store import Reading, Span, reading
from services.monitor.rollups.slices.store import SLICED
from services.monitor.rollups.steps import MINUTE, beginning
from services.monitor.rollups.store import RollupStore
from services.monitor.slices import SLICE
from shared.db.pool import Pool
from shared.events import new_id, utc_now
from tests.unit.shared.events.samples import ended, settled


async def test_of_a_busy_minute_only_the_slices_are_counted_that_bookings_have_touched(pool: Pool) -> None:
    tenant, minute = str(new_id()), beginning(utc_now(), "minute") - 10 * MINUTE
    whole = Span(tenant, minute, minute + MINUTE)

    async def book(second: int) -> None:
        ids, at = {"inference_id": new_id(), "tenant_id": tenant}, minute + timedelta(seconds=second)
        call = ended(**ids, attempt_id=new_id(), event_id=new_id(), started_at=at, ended_at=at)
        books = fold([call, settled(**ids, event_id=new_id(), accepted_at=at, settled_at=at)])
        await BookStore(pool).book(books, utc_now())

    async def sum_up(*, over: bool) -> None:
        async with RollupStore(pool, busy=2).turn() as turn:
            assert turn is not None
            _, touched = await turn.take_touched(5000)
            await turn.sum_up_minutes(touched, ALL_KEPT)
            if over:
                await turn.sum_up_by_key(minute, 5000)

    async def read(*, by_key: bool = False) -> Reading:
        async with pool.acquire() as connection:
            return await reading(connection, whole, late=by_key)

    await book(1)
    await sum_up(over=False)
    await book(31)
    assert (await read()).parts.spans == [(minute, minute + MINUTE)], "it was not busy yet"
    await sum_up(over=False)
    await book(32)
    touched = minute + 6 * SLICE
    parts = (await read()).parts
    assert (parts.spans, len(parts.slices)) == ([(touched, touched + SLICE)], 11)
    await sum_up(over=False)
    assert (await read()).parts.sums["minute"] == [minute]
    assert len((await read(by_key=True)).parts.slices) == 12, "by key the minute is summed up when it is over"
    await sum_up(over=True)
    assert (await read(by_key=True)).parts.sums["minute"] == [minute]
    left = [await pool.fetchval(f"SELECT count(*) FROM {kind.table('slice')} WHERE tenant_id = $1", tenant)  # noqa: S608
            for kind in SLICED]  # fmt: skip
    assert left == [0] * len(SLICED)


async def test_a_monitor_of_the_version_before_books_beside_one_of_this_version(pool: Pool) -> None:
    tenant, minute = str(new_id()), beginning(utc_now(), "minute")
    await pool.execute(
        "WITH touched AS (INSERT INTO monitor.touched_minutes (tenant_id, minute) "
        "SELECT * FROM unnest($1::text[], $2::timestamptz[])) SELECT 1",
        [tenant], [minute],
    )  # fmt: skip
    assert await pool.fetchval("SELECT at FROM monitor.touched_slices WHERE tenant_id = $1", tenant) == minute
    assert await pool.fetchval("SELECT minute FROM monitor.touched_minutes WHERE tenant_id = $1", tenant) == minute
