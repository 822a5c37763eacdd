"""The SQL of the rollups: sums of the books by minute, hour, day and month, one monitor at a time."""

from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Literal

from services.monitor.rollups.error_sums.store import ERRORS
from services.monitor.rollups.largest.store import Largest
from services.monitor.rollups.latency import BOUNDS
from services.monitor.rollups.model_health.store import ModelHealth
from services.monitor.rollups.session_sums.store import SESSIONS
from services.monitor.rollups.slices.store import (
    BUSY,
    SLICED,
    Part,
    begin_slicing,
    columns,
    end_slicing,
    sliced_among,
)
from services.monitor.rollups.spending.store import Spending
from services.monitor.rollups.steps import MINUTE, Step, following
from services.monitor.rollups.sums.store import (
    BY_KEY,
    OF_ALL_KEYS,
    TIMEOUT_S,
    TOGETHER,
    Kind,
    delete,
    delete_step,
)
from services.monitor.slices import SLICE
from shared.db.pool import Connection, Pool

_LOCK = 0x0A12  # any number; all monitors must use the same one, and recovery another
# A monitor that is frozen in its turn must not keep the others waiting: longer than an ack may take, and then given up.
# Plans are made for the tables as they are now, not for the empty ones of the first turn. A busy minute fits in memory.
_SETTINGS = """
SET LOCAL idle_in_transaction_session_timeout = '30s'; SET LOCAL plan_cache_mode = force_custom_plan;
SET LOCAL work_mem = '32MB'
"""

_TAKE = """
DELETE FROM monitor.touched_slices
WHERE touch <= (SELECT max(touch) FROM (SELECT touch FROM monitor.touched_slices ORDER BY touch LIMIT $1) AS oldest)
RETURNING tenant_id, at, at >= (SELECT gone_before FROM monitor.retention) AS is_kept
"""

# Minutes by key, of errors and of sessions are summed up when they are over. What was spent, and how models are, is
# known sooner.
_TOUCHED: dict[Step, str] = {
    "minute": "touched_key_minutes", "hour": "touched_hours", "day": "touched_days", "month": "touched_months"
}  # fmt: skip
_ABOVE: dict[Step, Step] = {"hour": "day", "day": "month"}

_LARGEST = (ERRORS, SESSIONS)

_TOUCH = """
INSERT INTO monitor.{table} (tenant_id, at)
SELECT DISTINCT tenant_id, date_trunc('{step}', touched.at, 'UTC')
FROM unnest($1::text[], $2::timestamptz[]) AS touched (tenant_id, at)
ON CONFLICT DO NOTHING
"""

# Those that are over. While one runs, its shorter steps are read instead, and it is summed up once. What the sums of a
# minute, hour or day are made of is dropped with the rows of its day; days are kept as long as months.
_IS_KEPT = "at >= (SELECT gone_before FROM monitor.retention)"
_TAKE_OVER = """
WITH gone AS (
    DELETE FROM monitor.{table}
    WHERE (tenant_id, at) IN (
        SELECT tenant_id, at FROM monitor.{table} WHERE at <= $1 ORDER BY at, tenant_id LIMIT $2)
    RETURNING tenant_id, at)
SELECT at, array_agg(tenant_id) FILTER (WHERE {kept}) AS tenants, count(*) AS taken FROM gone GROUP BY at
"""


class Turn:
    """What one monitor may do while it is its turn, in one transaction. spending, health: what the sums tell."""

    def __init__(self, connection: Connection, busy: int) -> None:
        """busy: requests that a minute has when it is sliced."""
        self._connection = connection
        self._busy = busy
        self.spending = Spending(connection)
        self.health = ModelHealth(connection)

    async def take_touched(self, most: int) -> tuple[int, set[Part]]:
        """Deletes at most `most` touches. Returns how many, and of which slices; without those whose rows were dropped
        since, as their sums would be those of nothing. They are back if the turn fails."""
        rows = await self._connection.fetch(_TAKE, most)
        return len(rows), {Part(row["tenant_id"], row["at"]) for row in rows if row["is_kept"]}

    async def sum_up_minutes(self, touched: Collection[Part], over: datetime) -> None:
        """Of touched slices. The statements begin after the touches were read, so they see every call that was booked
        with them. over: minutes that began by then do not run any more."""
        minutes = {touch.minute for touch in touched}
        sliced = await sliced_among(self._connection, minutes)
        await self._sum_up_books(OF_ALL_KEYS, "minute", minutes - sliced)
        await self._sum_up_books(SLICED, "slice", {touch for touch in touched if touch.minute in sliced})
        await self._sum_up_slices(OF_ALL_KEYS, sliced)
        running = {minute for minute in minutes - sliced if minute.at > over}
        await self._sum_up_books(SLICED, "slice", await begin_slicing(self._connection, running, self._busy))
        await self._touch("minute", *columns(minutes))
        await self._touch("hour", *columns(minutes))

    async def sum_up(self, step: Step, begun_before: datetime, most: int) -> int:
        """Hours, days or months of tenants that were touched and are over. Returns how many were taken."""
        taken, over = await self._take_over(step, begun_before, most)
        for at, tenants in over:
            for sums in (*OF_ALL_KEYS, *BY_KEY, *TOGETHER, *_LARGEST):
                await self._sum_up_one(sums, step, at, tenants)
            if step in _ABOVE:
                await self._touch(_ABOVE[step], tenants, [at] * len(tenants))
        return taken

    async def sum_up_by_key(self, begun_before: datetime, most: int) -> int:
        """Minutes of tenants that were touched and are over: by key, their errors and their sessions. Returns how many
        were taken."""
        taken, over = await self._take_over("minute", begun_before, most)
        minutes = {Part(tenant, at) for at, tenants in over for tenant in tenants}
        if minutes:
            sliced = await sliced_among(self._connection, minutes)
            await self._sum_up_books(BY_KEY, "minute", minutes - sliced)
            await self._sum_up_slices(BY_KEY, sliced)
            tenants, since, until = _spans(minutes, MINUTE)
            for sums in _LARGEST:
                await self._execute(delete(sums.table("minute")), tenants, since)
                await self._execute(sums.insert_minutes(), tenants, since, until)
            await self._touch("hour", tenants, since)
        await end_slicing(self._connection, begun_before)
        return taken

    async def _take_over(
        self, step: Step, begun_before: datetime, most: int
    ) -> tuple[int, list[tuple[datetime, list[str]]]]:
        """How many steps of tenants were taken; the beginnings of those that are kept, and the tenants of each."""
        kept = "true" if step == "month" else _IS_KEPT
        rows = await self._connection.fetch(_TAKE_OVER.format(table=_TOUCHED[step], kept=kept), begun_before, most)
        kept_ones = [(row["at"], row["tenants"]) for row in rows if row["tenants"]]
        return sum(row["taken"] for row in rows), kept_ones

    async def _sum_up_books(
        self, kinds: Iterable[Kind], level: Literal["slice", "minute"], parts: Collection[Part]
    ) -> None:
        if not parts:
            return
        tenants, since, until = _spans(parts, SLICE if level == "slice" else MINUTE)
        for kind in kinds:
            await self._execute(delete(kind.table(level)), tenants, since)
            await self._execute(kind.insert_from_books(level), tenants, since, until, BOUNDS)

    async def _sum_up_slices(self, kinds: Iterable[Kind], minutes: Collection[Part]) -> None:
        """Minutes that are sliced: one or two at a time, of some tenants."""
        for at in {minute.at for minute in minutes}:
            tenants = [minute.tenant_id for minute in minutes if minute.at == at]
            for kind in kinds:
                await self._sum_up_one(kind, "minute", at, tenants)

    async def _sum_up_one(self, sums: Kind | Largest, step: Step, at: datetime, tenants: Sequence[str]) -> None:
        await self._execute(delete_step(sums.table(step)), tenants, at)
        await self._execute(sums.insert_sums(step), at, following(at, step), tenants)

    async def _touch(self, step: Step, tenants: Sequence[str], times: Sequence[datetime]) -> None:
        await self._execute(_TOUCH.format(step=step, table=_TOUCHED[step]), tenants, times)

    async def _execute(self, statement: str, *values: object) -> None:
        await self._connection.execute(statement, *values, timeout=TIMEOUT_S)


def _spans(parts: Collection[Part], length: timedelta) -> tuple[list[str], list[datetime], list[datetime]]:
    """Tenants, since and until."""
    tenants, since = columns(parts)
    return tenants, since, [at + length for at in since]


class RollupStore:
    def __init__(self, pool: Pool, busy: int = BUSY) -> None:
        """busy: requests that a minute has when it is sliced."""
        self._pool = pool
        self._busy = busy

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Turn | None]:
        """One monitor at a time, or older sums could be written over newer ones. None while another has its turn."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_SETTINGS)
            mine = await connection.fetchval("SELECT pg_try_advisory_xact_lock($1)", _LOCK)
            yield Turn(connection, self._busy) if mine else None
