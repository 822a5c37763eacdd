"""Make the partitions of the days to come, and drop the days that are older than they are to be kept.

A day is dropped in three steps, so that nobody's death and no monitor that is slow to hear of it counts anything twice:
`kept_from` is raised; every monitor reads it again within seconds, and from then on what is said of that day is a late
word; then, one look later and when everything before it is summed up, its tables are dropped.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from services.monitor.books.books import ALL_KEPT
from services.monitor.retention.days import days_to_drop, days_to_make, keep_from
from services.monitor.retention.store import TABLES, RetentionStore
from shared.background import Periodic
from shared.db.failures import RETRYABLE
from shared.events import utc_now

logger = structlog.get_logger(__name__)

_EVERY_S = 600.0
_RETRY_S = 60.0
MOST_CHANGES = 10_000  # of one model's health: one that changes with every turn of the monitor
HEARD_WITHIN_S = 5.0  # every monitor knows what is kept


class KeptFrom:
    """What the books say that they keep, as read a few seconds ago."""

    def __init__(self, store: RetentionStore) -> None:
        self._store = store
        self.at: datetime = ALL_KEPT
        self._reading = Periodic("retention.kept_from", self.read, HEARD_WITHIN_S / 2, RETRYABLE)

    async def start(self) -> None:
        await self.read()
        await self._reading.start()

    async def stop(self) -> None:
        await self._reading.stop()

    async def read(self) -> None:
        self.at = await self._store.kept_from()


class Retention(Periodic):
    def __init__(self, store: RetentionStore, days: int, sums_days: int) -> None:
        """days: how long rows are kept, and the sums of minutes. sums_days: those of hours and days, and changes
        of health."""
        super().__init__("retention", self._look, _EVERY_S, RETRYABLE, retry_s=_RETRY_S)
        self._store = store
        self._days = days
        self._sums_days = sums_days

    async def start(self) -> None:
        """The days are made before anything is booked; when that cannot be, rows go where no day is, and come later."""
        try:
            await make_days(self._store, utc_now())
        except RETRYABLE as error:
            logger.warning("retention.waiting", reason=type(error).__name__)
        await super().start()

    async def _look(self) -> None:
        await make_days(self._store, utc_now())
        await prune(self._store)
        await self._store.keep_from(keep_from(utc_now(), self._days))
        await self._store.delete_older_sums(keep_from(utc_now(), self._sums_days), await self._store.kept_from())
        await self._store.delete_older_health(keep_from(utc_now(), self._sums_days), MOST_CHANGES)


async def make_days(store: RetentionStore, now: datetime) -> None:
    """Before the first id of a day comes; what comes earlier is moved there."""
    since = await store.days_from()
    for table in TABLES:
        made = {partition.day for partition in await store.partitions(table)}
        for day in days_to_make([day for day in made if day], since, now.date()):
            await store.make_day(table, day)


async def prune(store: RetentionStore, seen: Callable[[str], None] = lambda _: None) -> bool:
    """Drops what is older than what the books say that they keep. False: some of it is still to be summed up.

    seen: is called with the name of each partition that was dropped or pruned."""
    kept_from = await store.kept_from()
    if not await store.is_summed_up(kept_from):
        logger.warning("retention.waits", reason="what is to be dropped is not summed up yet")
        return False
    await store.drop_from(kept_from)
    for table in TABLES:
        partitions = await store.partitions(table)
        for day in days_to_drop([partition.day for partition in partitions if partition.day], kept_from):
            await store.drop_day(table, day, kept_from)
            logger.info("retention.dropped", table=table.name, day=str(day))
            seen(f"{table.name} {day}")
        for partition in partitions:
            if partition.day is None and (gone := await store.delete_older(table, partition.name, kept_from)):
                seen(f"{partition.name}: {gone} rows")
    return True


async def prune_now(store: RetentionStore, days: int, seen: Callable[[str], None]) -> bool:
    """As `prune`, for so many days, once every monitor knows that no more are kept. The days to come are made, too: by
    who runs this the tables may be changed."""
    await make_days(store, utc_now())
    at = keep_from(utc_now(), days)
    if await store.kept_from() < at:
        await store.keep_from(at)
        seen("the monitors are told")
        await asyncio.sleep(2 * HEARD_WITHIN_S)
    return await prune(store, seen)
