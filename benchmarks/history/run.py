"""Fill the books, and measure what people read, what is booked meanwhile, the size, and the end of a day."""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from benchmarks.book_events import inference_events
from benchmarks.budgets import Budget
from benchmarks.figures import percentile
from benchmarks.history import store
from benchmarks.history.reads import MONTH, Ask, Questions
from benchmarks.tables import budget_table, console
from deploy.local.lone_postgres import running_postgres
from deploy.local.progress import say, step
from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.retention.days import keep_from
from services.monitor.retention.retention import prune
from services.monitor.retention.store import TABLES, RetentionStore
from services.monitor.rollups.steps import STEPS, Step
from services.monitor.rollups.store import RollupStore
from shared.db import DatabaseSettings, connect_pool
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings, connect_reads
from shared.events import InferenceEvent, utc_now

_DAYS = 30
_BATCH = 500  # events, as the monitor takes them
_ASKING = 6  # summaries at a time, of one tenant
_MEASURED_S = 15.0
_TURN_EVERY_S = 2.0
_OVER: tuple[Step, ...] = ("hour", "day")


@dataclass(slots=True)
class Meanwhile:
    """events: booked. batch_s: how long each batch took. reads_s: by who asked."""

    events: int = 0
    batch_s: list[float] = field(default_factory=list)
    reads_s: dict[str, list[float]] = field(default_factory=dict)

    @property
    def per_s(self) -> float:
        return self.events / sum(self.batch_s) if self.batch_s else 0.0


def run(inferences: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="tallygate-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_postgres(Path(folder), "TALLYGATE_BENCH=1") as url:
            budgets = asyncio.run(_measure(DatabaseSettings(database_url=SecretStr(url)), inferences))
    console.print(budget_table(budgets))
    return all(budget.met for budget in budgets)


async def _measure(database: DatabaseSettings, inferences: int) -> list[Budget]:
    pool = await connect_pool(database.model_copy(update={"database_timeout_s": 600.0}))
    reading, reads = await connect_reads(database, ReadSettings())
    try:
        await _fill(pool, inferences)
        await _tell_size(pool, inferences)
        alone = {what: await _asked(ask, 20) for what, ask in Questions(reads, "tenant-0").all().items()}
        for what, seconds in alone.items():
            _tell(f"{what}, nothing else going on", seconds)
        quiet = await _meanwhile(pool, reads, asking=0)
        _tell_booked("nobody reads", quiet)
        busy = await _meanwhile(pool, reads, asking=_ASKING)
        _tell_booked(f"{_ASKING} read", busy)
        for asker, seconds in busy.reads_s.items():
            _tell(f"a 30-day summary of {asker} meanwhile", seconds)
        await _drop_a_day(pool)
    finally:
        await reading.close()
        await pool.close()
    return [
        *(Budget(f"{what}, p50", 1000 * percentile(seconds, 0.5), 50, "ms") for what, seconds in alone.items()),
        Budget(f"booked while {_ASKING} summaries are read", busy.per_s, 10_000, "/s", at_least=True),
        Budget("the longest batch meanwhile", max(busy.batch_s), 2, "s"),
    ]


async def _fill(pool: Pool, inferences: int) -> None:
    today = utc_now().date()
    first = today - timedelta(days=_DAYS)
    await store.make_past_days(pool, first, today)
    with step(f"fill the books with {inferences:,} inferences") as status:
        for number in range(_DAYS + 1):
            await store.fill_day(pool, first + timedelta(days=number), inferences // (_DAYS + 1))
            status.update(f"fill the books: day {number + 1} of {_DAYS + 1}")
    with step("vacuum"):
        await store.analyze(pool)
    with step("sum up what was filled in") as status:
        turns = 0
        while await _turn(pool, minutes=1000):
            turns += 1
            status.update(f"sum up what was filled in: turn {turns}")
    with step("vacuum again"):
        await store.analyze(pool)


async def _turn(pool: Pool, minutes: int = 24) -> bool:
    """What a monitor does every two seconds. minutes: summed up by key, at most. Whether there is more to do."""
    async with RollupStore(pool).turn() as turn:
        if turn is None:
            return True
        taken, touched = await turn.take_touched(5000)
        if touched:
            await turn.sum_up_minutes(touched)
            await turn.sum_up_days({(touch.tenant_id, touch.minute.date()) for touch in touched})
    async with RollupStore(pool).turn() as turn:
        if turn is None:
            return True
        now = utc_now()
        over = [await turn.sum_up_by_key(now - 2 * STEPS["minute"], minutes)]
        over += [await turn.sum_up(each, now - STEPS[each], 24) for each in _OVER]
    return bool(taken) or any(over)


async def _tell_size(pool: Pool, inferences: int) -> None:
    kept = RetentionStore(pool)
    partitions = [partition for table in TABLES for partition in await kept.partitions(table)] + await kept.sums()
    sizes: Counter[str] = Counter()
    for partition in partitions:
        sizes[partition.table] += partition.bytes
    for table, size in sizes.items():
        say(f"  {table}: {size / 1e6:,.0f} MB, {size / inferences:,.0f} bytes an inference")
    say(f"  in all {sizes.total() / inferences:,.0f} bytes an inference")


async def _asked(ask: Ask, times: int) -> list[float]:
    return [await _seconds(ask) for _ in range(times)]


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _meanwhile(pool: Pool, reads: Reads, asking: int) -> Meanwhile:
    """Books as fast as it can, in turns with what the monitor does besides, while one tenant asks and asks."""
    seen = Meanwhile()
    ends_at = time.monotonic() + _MEASURED_S

    async def book() -> None:
        while time.monotonic() < ends_at:
            batch = _batch()
            seen.batch_s.append(await _seconds(partial(_book, pool, batch)))
            seen.events += len(batch)

    async def ask(tenant: str, pause_s: float) -> None:
        questions = Questions(reads, tenant)
        while time.monotonic() < ends_at:
            seen.reads_s.setdefault(tenant, []).extend(await _asked(lambda: questions.summary(MONTH), 1))
            await asyncio.sleep(pause_s)

    async def sum_up() -> None:
        while time.monotonic() < ends_at:
            await _turn(pool)
            await asyncio.sleep(_TURN_EVERY_S)

    askers = [ask("tenant-0", 0.0) for _ in range(asking)] + ([ask("tenant-1", 0.2)] if asking else [])
    await asyncio.gather(book(), sum_up(), *askers)
    return seen


def _batch() -> list[InferenceEvent]:
    events: list[InferenceEvent] = []
    while len(events) < _BATCH:
        events += [event for _, event in inference_events(0, utc_now()) if isinstance(event, InferenceEvent)]
    return events


async def _book(pool: Pool, events: list[InferenceEvent]) -> None:
    await BookStore(pool).book(fold(events), utc_now())


async def _drop_a_day(pool: Pool) -> None:
    kept = RetentionStore(pool)
    before = await _bytes(kept)
    await kept.keep_from(keep_from(utc_now(), _DAYS - 1))
    dropped: list[str] = []
    seconds = await _seconds(lambda: prune(kept, dropped.append))
    given_back = before - await _bytes(kept)
    say(f"  the oldest day dropped in {seconds:.2f} s ({len(dropped)} tables), {given_back / 1e6:,.1f} MB given back")


async def _bytes(kept: RetentionStore) -> int:
    return sum([partition.bytes for table in TABLES for partition in await kept.partitions(table)])


def _tell(what: str, seconds: Sequence[float]) -> None:
    p50, p99, most = (1000 * value for value in (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds)))
    say(f"  {what}: p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {most:.0f} ms, {len(seconds)} times")


def _tell_booked(when: str, seen: Meanwhile) -> None:
    say(f"  booked while {when}: {seen.per_s:,.0f} events/s, {_BATCH} of them in at most {max(seen.batch_s):.2f} s")
