"""Books that hold a month, made within minutes: rows by SQL, sums by what the monitor sums up with."""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from benchmarks.history import store
from deploy.local.progress import say, step
from services.monitor.retention.days import midnight
from services.monitor.rollups.rollups import MOST_OVER
from services.monitor.rollups.steps import SUMMED_FROM, last_over
from services.monitor.rollups.store import RollupStore
from shared.db.pool import Pool
from shared.events import utc_now

DAYS = 30
_OLDER = 12  # times as many days of which only sums are there: 400 in all
_SAID_EVERY_S = 30.0
_AT_A_TIME = os.cpu_count() or 1
_TOUCHES = 5000
_CLOCKS_DIFFER = timedelta(minutes=1)


class _Progress:
    """A line from time to time: where no terminal is, nobody sees the status."""

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._began = self._said = time.monotonic()

    def at(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said >= _SAID_EVERY_S:
            self._said = now
            say(f"    {self._what}: {done:,} of {self._total:,} after {now - self._began:.0f} s")


async def fill(pool: Pool, inferences: int) -> None:
    today = utc_now().date()
    first = today - timedelta(days=DAYS)
    await store.make_past_days(pool, first, today)
    async with store.in_haste(pool):
        with step(f"fill the books with {inferences:,} inferences"):
            await _fill_days(pool, [first + timedelta(days=number) for number in range(DAYS + 1)], inferences)
            await store.analyze(pool, vacuum=False)
        with step("sum up what was filled in"):
            await _sum_up(pool)
        with step("sums of days whose rows are gone"):
            await store.fill_older(pool, first, _OLDER)
            while await turn(pool):
                pass
        with step("vacuum"):
            await store.analyze(pool)


async def fill_up(pool: Pool, inferences: int) -> None:
    """Books that were filled before, up to now: the last hour's part of what they hold of a day."""
    now = utc_now()
    since = max(await store.filled_to(pool), now - timedelta(hours=1))
    with step("fill in what would have been booked since"):
        await store.fill_span(pool, since, now, int(inferences / (DAYS + 1) * ((now - since) / store.BUSY)))
        await _sum_up(pool)


async def _sum_up(pool: Pool) -> None:
    touched = await store.touched(pool)
    progress = _Progress("minutes of tenants", touched)
    while await turn(pool, minutes=_TOUCHES):
        progress.at(touched - await store.touched(pool))


async def _fill_days(pool: Pool, days: Sequence[date], inferences: int) -> None:
    """Each has a partition of its own, so that several are filled at a time."""
    progress, left, now = _Progress("inferences", inferences), list(days), utc_now()

    async def fill_next() -> None:
        while left:
            day = left.pop(0)
            await store.fill_span(pool, *_busy_hours(day, now), inferences // len(days))
            await store.sum_up_day(pool, day)
            progress.at((len(days) - len(left)) * (inferences // len(days)))

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_A_TIME):
            tasks.create_task(fill_next())


def _busy_hours(day: date, now: datetime) -> tuple[datetime, datetime]:
    """The first of a day; of today the last."""
    if midnight(day) + store.BUSY <= now and day < now.date():
        return midnight(day), midnight(day) + store.BUSY
    return max(midnight(day), now - store.BUSY), now


async def turn(pool: Pool, minutes: int = MOST_OVER["minute"]) -> bool:
    """What a monitor does every two seconds. minutes: summed up by key, at most. Whether there is more to do."""
    async with RollupStore(pool).turn() as mine:
        if mine is None:
            return True
        taken, touched = await mine.take_touched(_TOUCHES)
        if touched:
            await mine.sum_up_minutes(touched, last_over(utc_now(), "minute"))
            await mine.spending.sum_up_days({(touch.tenant_id, touch.at.date()) for touch in touched})
    async with RollupStore(pool).turn() as mine:
        if mine is None:
            return True
        now = utc_now()
        over = [await mine.sum_up_by_key(last_over(now - _CLOCKS_DIFFER, "minute"), minutes)]
        over += [await mine.sum_up(step, last_over(now, step), MOST_OVER[step]) for step in SUMMED_FROM]
    return bool(taken) or any(over)
