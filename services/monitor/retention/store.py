"""The SQL of retention: partitions of days made and dropped, and old rows deleted where no day holds them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from services.monitor.retention.days import day_of_partition, first_id, midnight, partition_name
from services.monitor.rollups.steps import beginning
from shared.db.pool import Connection, Pool
from shared.events import CAP_LIFE

# A statement that waits for a table makes every other one wait behind it: it gives up soon, and is tried again.
_LOCK_TIMEOUT = "SET LOCAL lock_timeout = '1s'"
_TIMEOUT_S = 600.0  # nobody waits for the end of a deletion
_PAGE = 5000  # rows of one deletion, so that no lock is held for long
_LAST_ID = UUID(int=(1 << 128) - 1)


class Table(NamedTuple):
    """A table with a partition for each day. at: the time of a row by what it tells. is_open: rows that stay."""

    name: str
    key: str
    at: str
    is_open: str = "false"

    @property
    def by_id(self) -> bool:
        return self.key != "at"


SUMMED_UP = ("calls", "requests", "key_calls", "key_requests", "errors", "sessions")

TABLES = (
    Table("attempts", "inference_id", "coalesce(ended_at, started_at)", "outcome IS NULL"),
    Table("inferences", "inference_id", "coalesce(settled_at, accepted_at)", "settlement IS NULL"),
    Table("late_words", "inference_id", "booked_at"),
    Table("features", "feature_id", "coalesce(settled_at, accepted_at)", "settlement IS NULL"),
    *(Table(f"{name}_by_minute", "at", "at") for name in SUMMED_UP),
    Table("digests", "at", "at"),
)
# Those that tell less apart have no minutes.
_NAMES = (*SUMMED_UP, "calls_of_keys", "requests_of_keys", "calls_in_all", "requests_in_all")
_OF_MONTHS = tuple(f"{name}_by_month" for name in _NAMES)
SUMS = tuple(f"{name}_by_{step}" for name in _NAMES for step in ("hour", "day")) + _OF_MONTHS

_PARTITIONS = """
SELECT child.relname AS name, pg_total_relation_size(child.oid) AS bytes, greatest(child.reltuples, 0)::bigint AS rows
FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid
WHERE inhparent = ('monitor.' || $1)::regclass ORDER BY 1
"""

_SIZE = """
SELECT pg_total_relation_size(oid) AS bytes, greatest(reltuples, 0)::bigint AS rows
FROM pg_class WHERE oid = ('monitor.' || $1)::regclass
"""

# A range of ids is read in their order, so one pass sees each row once.
_DELETE_PAGE = """
WITH page AS (SELECT {key} FROM monitor.{partition} WHERE {key} > $1 AND {key} < $2 ORDER BY {key} LIMIT {page}),
     last AS (SELECT {key} FROM page ORDER BY {key} DESC LIMIT 1),
     gone AS (DELETE FROM monitor.{partition} WHERE {key} > $1 AND {key} <= (SELECT {key} FROM last)
              AND {at} < $3 AND NOT ({is_open}) RETURNING 1)
SELECT (SELECT {key} FROM last) AS last, (SELECT count(*) FROM gone) AS gone
"""

_DELETE = "DELETE FROM monitor.{table} WHERE at < $1"

_DELETE_HEALTH = """
DELETE FROM monitor.model_health AS old
WHERE changed_at < $1 AND (status = 'healthy' OR EXISTS (
    SELECT FROM monitor.model_health AS newer
    WHERE newer.tenant_id = old.tenant_id AND newer.model = old.model AND newer.changed_at > old.changed_at))
"""
_DELETE_MANY_CHANGES = """
DELETE FROM monitor.model_health AS old USING (
    SELECT tenant_id, model, (
        SELECT changed_at FROM monitor.model_health AS one
        WHERE one.tenant_id = counted.tenant_id AND one.model = counted.model
        ORDER BY changed_at DESC OFFSET $1 - 1 LIMIT 1) AS since
    FROM monitor.model_health AS counted GROUP BY 1, 2 HAVING count(*) > $1) AS many
WHERE old.tenant_id = many.tenant_id AND old.model = many.model AND old.changed_at < many.since
"""
_DELETE_PROBES = "DELETE FROM monitor.probes WHERE greatest(asked_at, gives_up_at) < now() - interval '3 days'"

_DELETE_CAPPED = "DELETE FROM monitor.capped_minutes WHERE at < now() - $1::interval - interval '1 day'"

_DELETE_SHADOWS = "DELETE FROM monitor.shadow_minutes WHERE at < now() - interval '3 days'"

_MAKE_DAY = """
LOCK TABLE monitor.{table} IN ACCESS EXCLUSIVE MODE;
CREATE TEMP TABLE early ON COMMIT DROP AS
    SELECT * FROM monitor.{table}_other WHERE {key} >= '{first}' AND {key} < '{next}';
DELETE FROM monitor.{table}_other WHERE {key} >= '{first}' AND {key} < '{next}';
CREATE TABLE monitor.{day} PARTITION OF monitor.{table} FOR VALUES FROM ('{first}') TO ('{next}');
INSERT INTO monitor.{table} SELECT * FROM early
"""

_STAYS = "SELECT * FROM monitor.{day} WHERE {at} >= $1 OR {is_open}"
_ANY = "SELECT EXISTS ({rows})"
_DETACH = "ALTER TABLE monitor.{table} DETACH PARTITION monitor.{day}"
_MOVE = "INSERT INTO monitor.{table} {rows}"
_DROP = "DROP TABLE monitor.{day}"

_NOT_SUMMED_UP = """
SELECT EXISTS (SELECT FROM monitor.touched_slices WHERE at < $1)
    OR EXISTS (SELECT FROM monitor.touched_key_minutes WHERE at < $1)
    OR EXISTS (SELECT FROM monitor.touched_hours WHERE at < $1)
    OR EXISTS (SELECT FROM monitor.touched_days WHERE at < $1)
"""


class Partition(NamedTuple):
    """day: None where it holds the ids that no day has. rows: an estimate of the database."""

    table: str
    name: str
    day: date | None
    bytes: int
    rows: int


class RetentionStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def kept_from(self) -> datetime:
        at: datetime = await self._pool.fetchval("SELECT kept_from FROM monitor.retention")
        return at

    async def days_from(self) -> date:
        """Older days have no partition of their own: the tables that were there before hold them."""
        day: date = await self._pool.fetchval("SELECT days_from FROM monitor.retention")
        return day

    async def keep_from(self, at: datetime) -> None:
        """What is older is dropped by those who look next. It never goes back: what was dropped is gone."""
        await self._pool.execute("UPDATE monitor.retention SET kept_from = $1 WHERE kept_from < $1", at)

    async def drop_from(self, at: datetime) -> None:
        """What is older is gone from now on: nothing of it is summed up any more."""
        await self._pool.execute("UPDATE monitor.retention SET gone_before = $1 WHERE gone_before < $1", at)

    async def is_summed_up(self, before: datetime) -> bool:
        return not await self._pool.fetchval(_NOT_SUMMED_UP, before)

    async def partitions(self, table: Table) -> list[Partition]:
        return [
            Partition(table.name, row["name"], day_of_partition(table.name, row["name"]), row["bytes"], row["rows"])
            for row in await self._pool.fetch(_PARTITIONS, table.name)
        ]

    async def sums(self) -> list[Partition]:
        """The sums by hour, day and month, each of them one table."""
        found = [(name, await self._pool.fetchrow(_SIZE, name)) for name in SUMS]
        return [Partition(name, name, None, row["bytes"], row["rows"]) for name, row in found if row is not None]

    async def make_day(self, table: Table, day: date) -> None:
        """Rows of that day that came too early for it are moved there."""
        statement = _MAKE_DAY.format(
            table=table.name, key=table.key, day=partition_name(table.name, day),
            first=_bound(table, day), next=_bound(table, day + timedelta(days=1)),
        )  # fmt: skip
        async with self._changing() as connection:
            await connection.execute(statement, timeout=_TIMEOUT_S)

    async def drop_day(self, table: Table, day: date, kept_from: datetime) -> None:
        """What is open, or younger than its id says, stays: it goes to the rows of no day."""
        names = {"table": table.name, "day": partition_name(table.name, day)}
        stays = _STAYS.format(**names, at=table.at, is_open=table.is_open)
        async with self._changing() as connection:
            if await connection.fetchval(_ANY.format(rows=stays), kept_from, timeout=_TIMEOUT_S):
                await connection.execute(_DETACH.format(**names))
                await connection.execute(_MOVE.format(**names, rows=stays), kept_from, timeout=_TIMEOUT_S)
            await connection.execute(_DROP.format(**names))

    async def delete_older(self, table: Table, partition: str, kept_from: datetime) -> int:
        """Rows of a partition that is no day's, a page at a time. Returns how many."""
        if not table.by_id:
            return await self._delete(_DELETE.format(table=partition), kept_from)
        statement = _DELETE_PAGE.format(
            key=table.key, partition=partition, page=_PAGE, at=table.at, is_open=table.is_open
        )
        last, gone = UUID(int=0), 0
        until = first_id(kept_from.date()) if partition.endswith("_past") else _LAST_ID
        while True:
            row = await self._pool.fetchrow(statement, last, until, kept_from, timeout=_TIMEOUT_S)
            if row is None or row["last"] is None:
                return gone
            last, gone = row["last"], gone + row["gone"]

    async def delete_older_sums(self, sums_from: datetime, kept_from: datetime) -> None:
        """Also what is said of redeliveries, which nobody asks for once their inferences are gone, and what was counted
        for caps of sessions that hold no more."""
        for table in SUMS:
            # A month is kept as long as one of its days.
            before = beginning(sums_from, "month") if table in _OF_MONTHS else sums_from
            await self._delete(_DELETE.format(table=table), before)
        await self._pool.execute("DELETE FROM monitor.spend_days WHERE day < $1", sums_from.date())
        await self._pool.execute("DELETE FROM monitor.redeliveries WHERE decided_at < $1", kept_from)
        await self._pool.execute(_DELETE_CAPPED, CAP_LIFE, timeout=_TIMEOUT_S)

    async def delete_older_health(self, since: datetime, most: int) -> None:
        """Changes that are older, and all but the newest `most` of a model. The last one of a model stays while it says
        that it is not healthy. Also probes of models that are probed no more."""
        await self._delete(_DELETE_HEALTH, since)
        await self._pool.execute(_DELETE_MANY_CHANGES, most, timeout=_TIMEOUT_S)
        await self._pool.execute(_DELETE_PROBES)
        await self._pool.execute(_DELETE_SHADOWS)

    async def _delete(self, statement: str, before: datetime) -> int:
        done = await self._pool.execute(statement, before, timeout=_TIMEOUT_S)
        return int(done.rpartition(" ")[2])

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[Connection]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK_TIMEOUT)
            yield connection


def _bound(table: Table, day: date) -> str:
    return str(first_id(day)) if table.by_id else midnight(day).isoformat()
