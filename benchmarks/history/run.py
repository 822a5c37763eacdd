"""Fill the books, and measure what people read, what is booked meanwhile, the size, and the end of a day."""

import asyncio
import os
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import SecretStr
from rich.table import Table

from benchmarks.book_events import TENANT
from benchmarks.budgets import Budget
from benchmarks.figures import percentile
from benchmarks.history import store
from benchmarks.history.fill import DAYS, fill, fill_up
from benchmarks.history.meanwhile import BATCH, Meanwhile, booking, seconds
from benchmarks.history.reads import RANGES, Ask, Questions
from benchmarks.tables import budget_table, console
from benchmarks.usage import Others
from deploy.local.lone_postgres import running_server
from deploy.local.progress import say
from services.monitor.retention.days import keep_from
from services.monitor.retention.retention import prune
from services.monitor.retention.store import TABLES, RetentionStore
from shared.db import DatabaseSettings, connect_pool
from shared.db.pool import Pool
from shared.db.reads import ReadSettings, connect_reads
from shared.events import utc_now

T = TypeVar("T")

_FILLED = "filled"  # a file beside filled books, with how many inferences they hold
_ASKED = 20  # times each question
_ASKED_MEANWHILE = 5
_PATIENCE_S = 120.0  # what takes longer than anybody waits is measured, too
_BOOKED_PER_S = 10_000
_AS_FAST_AS_IT_CAN_S = 15.0
_TENANT = "tenant-0"  # which has half of the books
_OF_BOOKED = ("summary", "requests", "p95", "p95 by model", "cost by key", "errors by cause", "sessions", "inferences")

Fill = Callable[[Pool, int], Awaitable[None]]  # with so many inferences in all
Answers = Mapping[str, Mapping[str, Sequence[float]]]  # seconds, by question and range


def run(inferences: int, kept: Path | None) -> bool:
    """kept: where books are filled and left, or, when they were, measured."""
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="tallygate-bench-") as folder:
            return _told(_of_server(Path(folder), partial(_measured, fill, inferences)))
    filled = kept / _FILLED
    if filled.exists():
        return _told(_of_server(kept, partial(_measured, fill_up, int(filled.read_text()))))
    kept.mkdir(exist_ok=True)
    _of_server(kept, partial(_filled, inferences))
    filled.write_text(str(inferences))
    say("The same command again measures these books.")
    return True


def _of_server(folder: Path, work: Callable[[DatabaseSettings, Others], Coroutine[None, None, T]]) -> T:
    folder.chmod(0o755)
    with running_server(folder, "TALLYGATE_BENCH=1") as server:
        others = Others({"ours": os.getpid(), "server": server.pid})
        return asyncio.run(work(DatabaseSettings(database_url=SecretStr(server.url)), others))


def _told(budgets: Sequence[Budget]) -> bool:
    console.print(budget_table(budgets))
    return all(budget.met for budget in budgets)


async def _filled(inferences: int, database: DatabaseSettings, _others: Others) -> None:
    async with _patient_pool(database) as pool:
        await fill(pool, inferences)


async def _measured(fill_them: Fill, inferences: int, database: DatabaseSettings, others: Others) -> list[Budget]:
    async with _patient_pool(database) as pool:
        await fill_them(pool, inferences)
        return await _measure(pool, inferences, database, others)


@asynccontextmanager
async def _patient_pool(database: DatabaseSettings) -> AsyncIterator[Pool]:
    pool = await connect_pool(database.model_copy(update={"database_timeout_s": 600.0}))
    try:
        yield pool
    finally:
        await pool.close()


async def _measure(pool: Pool, inferences: int, database: DatabaseSettings, others: Others) -> list[Budget]:
    reading, reads = await connect_reads(database, ReadSettings(timeout_s=_PATIENCE_S))
    try:
        await _tell_size(pool, inferences)
        questions = Questions(reads, _TENANT).all(await store.newest(pool, _TENANT))
        with others.told("the questions were asked alone"):
            alone = await _answers(questions, _ASKED)
        console.print(_table("nothing else going on", alone))
        with others.told("it booked as fast as it could"):
            fast = await booking(pool, None, partial(asyncio.sleep, _AS_FAST_AS_IT_CAN_S))
        _tell_booked("as fast as it can, nobody reads", fast)
        busy: dict[str, dict[str, list[float]]] = {}
        of_booked: dict[str, dict[str, list[float]]] = {}

        async def ask() -> None:
            busy.update(await _answers(questions, _ASKED_MEANWHILE))
            asked = Questions(reads, TENANT).all(await store.newest(pool, TENANT))
            of_booked.update(await _answers({what: asked[what] for what in _OF_BOOKED}, _ASKED_MEANWHILE))

        with others.told("the questions were asked while it booked"):
            paced = await booking(pool, _BOOKED_PER_S, ask)
        console.print(_table(f"while {paced.per_s:,.0f} events/s of another tenant are booked", busy))
        console.print(_table("of the tenant whose events these are", of_booked))
        _tell_booked(f"{_BOOKED_PER_S:,} events/s, one reads", paced)
        console.print(
            "The same for docs/performance.md, p50 / most in ms:", markdown({"alone": alone, "beside": busy}), sep="\n"
        )
        await _drop_a_day(pool)
    finally:
        await reading.close()
    return [
        Budget(f"the slowest question, p50: {_slowest(alone)[0]}", 1000 * _slowest(alone)[1], 50, "ms"),
        Budget(f"the slowest one meanwhile, p50: {_slowest(busy)[0]}", 1000 * _slowest(busy)[1], 50, "ms"),
        Budget("booked as fast as it can", fast.per_s, _BOOKED_PER_S, "/s", at_least=True),
        Budget("booked while one reads", paced.per_s, 0.99 * _BOOKED_PER_S, "/s", at_least=True),
        Budget("the longest lag of a batch meanwhile", max(paced.lag_s), 2, "s"),
    ]


async def _answers(questions: Mapping[str, Ask], times: int) -> dict[str, dict[str, list[float]]]:
    """Each range in turn, so that no question finds in memory only what it has just read itself."""
    found: dict[str, dict[str, list[float]]] = {what: {name: [] for name in RANGES} for what in questions}
    for _ in range(times):
        for what, ask in questions.items():
            for name, length in RANGES.items():
                found[what][name].append(await seconds(partial(ask, length)))
    return found


def _table(when: str, answers: Answers) -> Table:
    table = Table(title=f"p50 / p95 / max in ms, {when}", title_justify="left")
    for column in ("", *RANGES):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for what, by_range in answers.items():
        table.add_row(what, *(_figures(by_range[name]) for name in RANGES))
    return table


def _figures(taken: Sequence[float]) -> str:
    return " / ".join(f"{1000 * each:.0f}" for each in (percentile(taken, 0.5), percentile(taken, 0.95), max(taken)))


def markdown(measured: Mapping[str, Answers]) -> str:
    """A table to be pasted into a page: a row for each question. measured: by when it was asked."""
    [first, *_] = measured.values()
    head = ["p50 / most, ms", *(f"{when}: {name}" for when in measured for name in RANGES)]
    rows = [
        [what, *(_p50_and_most(answers[what][name]) for answers in measured.values() for name in RANGES)]
        for what in first
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def _p50_and_most(taken: Sequence[float]) -> str:
    return f"{1000 * percentile(taken, 0.5):.0f} / {1000 * max(taken):.0f}"


def _slowest(answers: Answers) -> tuple[str, float]:
    medians = ((f"{what}, {of}", percentile(took, 0.5)) for what, by in answers.items() for of, took in by.items())
    return max(medians, key=lambda median: median[1])


async def _tell_size(pool: Pool, inferences: int) -> None:
    """Per million inferences: a row of the books each, and what their calls and sums take."""
    kept = RetentionStore(pool)
    partitions = [partition for table in TABLES for partition in await kept.partitions(table)] + await kept.sums()
    sizes, rows = Counter[str](), Counter[str]()
    for partition in partitions:
        sizes[partition.table] += partition.bytes
        rows[partition.table] += partition.rows
    indexes = await store.bytes_of_indexes(pool)
    table = Table(title=f"on disk, of {inferences:,} inferences", title_justify="left")
    for column in ("", "rows", "MB", "of which indexes", "MB per million"):
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for name, size in [*sizes.items(), ("in all", sizes.total())]:
        index = indexes[name] if name in sizes else sum(indexes[each] for each in sizes)
        count = f"{rows[name]:,}" if name in sizes else ""
        table.add_row(name, count, f"{size / 1e6:,.0f}", f"{index / 1e6:,.0f}", f"{size / inferences:,.0f}")
    console.print(table)


async def _drop_a_day(pool: Pool) -> None:
    kept = RetentionStore(pool)
    before = await _bytes(kept)
    await kept.keep_from(keep_from(utc_now(), DAYS - 1))
    dropped: list[str] = []
    taken = await seconds(lambda: prune(kept, dropped.append))
    given_back = before - await _bytes(kept)
    say(f"  the oldest day dropped in {taken:.2f} s ({len(dropped)} tables), {given_back / 1e6:,.1f} MB given back")


async def _bytes(kept: RetentionStore) -> int:
    return sum([partition.bytes for table in TABLES for partition in await kept.partitions(table)])


def _tell_booked(when: str, seen: Meanwhile) -> None:
    batch, turn = max(seen.batch_s), max(seen.turn_s)
    say(f"  {when}: {seen.per_s:,.0f} events/s, a batch of {BATCH} in at most {batch:.2f} s")
    if seen.lag_s:
        say(f"    booked behind its time by p50 {percentile(seen.lag_s, 0.5):.2f} s, at most {max(seen.lag_s):.2f} s")
    say(f"    {len(seen.turn_s)} turns of summing up, p50 {percentile(seen.turn_s, 0.5):.2f} s, at most {turn:.2f} s")
