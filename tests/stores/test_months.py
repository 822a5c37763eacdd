"""Months above days: made of the sums that are there, kept as long as one of their days, and read in place of them."""

from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from pydantic import SecretStr

from services.monitor.reading.store import Span
from services.monitor.retention.store import RetentionStore
from services.monitor.rollups.store import RollupStore
from services.monitor.summary.store import SummaryStore
from shared.db import DatabaseSettings, connect_pool
from shared.db.migrate import migrate
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from tests.stores.bench import MIGRATIONS

pytestmark = pytest.mark.real_postgres

_MONTHS = "0022"
_OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
_SPAN = Span("acme", _OCTOBER - timedelta(days=2), datetime(2026, 11, 3, tzinfo=UTC))
_DAY = """
INSERT INTO monitor.requests_by_day (tenant_id, at, model, server_address, settlement, error_type, passed_over,
    requests, fallbacks, duration_s, latency)
VALUES ('acme', $1, 'custom:m', 'h:80', 'completed', '', '', 8, 0, 8, $2)
"""
_DAY_IN_ALL = """
INSERT INTO monitor.requests_in_all_by_day (tenant_id, at, settlement, requests, fallbacks, duration_s, latency)
VALUES ('acme', $1, 'completed', 8, 0, 8, $2)
"""


async def sum_up_months(pool: Pool) -> None:
    async with RollupStore(pool).turn() as turn:
        assert turn is not None
        await turn.sum_up("month", _OCTOBER, 10)


async def requests_and_latency(pool: Pool) -> tuple[int, dict[int, int]]:
    rows = await SummaryStore(Reads(pool, ReadSettings())).summary(_SPAN, 1)
    return sum(row["n"] for row in rows.requests), dict(rows.latency)


async def test_months_are_made_of_the_days_that_were_there_before(empty: str) -> None:
    await migrate(empty, [step for step in MIGRATIONS if step.name < _MONTHS])
    old = await asyncpg.connect(empty)
    for day, latency in ((0, '{"9": 5, "10": 2, "80": 1}'), (30, '{"10": 7, "7": 1}'), (31, '{"80": 8}')):
        for statement in (_DAY, _DAY_IN_ALL):
            await old.execute(statement, _OCTOBER + timedelta(days=day), latency)
    await old.close()
    await migrate(empty, MIGRATIONS)
    pool = await connect_pool(DatabaseSettings(database_url=SecretStr(empty)))
    told = 24, {7: 1, 9: 5, 10: 9, 80: 9}

    assert await requests_and_latency(pool) == told, "read by days"
    await sum_up_months(pool)
    assert await requests_and_latency(pool) == told
    for table in ("requests_by_day", "requests_in_all_by_day"):
        await pool.execute(f"DELETE FROM monitor.{table} WHERE at < '2026-11-01 00:00+00'")  # noqa: S608
    assert await requests_and_latency(pool) == told, "October is read from its own sums"
    await pool.close()


@pytest.mark.parametrize(("kept_from", "is_kept"), [(datetime(2026, 10, 31, tzinfo=UTC), True),
                                                    (datetime(2026, 11, 1, tzinfo=UTC), False)])  # fmt: skip
async def test_a_month_is_kept_as_long_as_one_of_its_days(books: Pool, kept_from: datetime, is_kept: bool) -> None:
    await books.execute(
        "INSERT INTO monitor.requests_in_all_by_month (tenant_id, at, settlement, requests, fallbacks, duration_s) "
        "VALUES ('acme', $1, 'completed', 8, 0, 8)", _OCTOBER,
    )  # fmt: skip
    await RetentionStore(books).delete_older_sums(kept_from, kept_from)
    assert await books.fetchval("SELECT count(*) FROM monitor.requests_in_all_by_month") == is_kept
