"""`python -m benchmarks proof`: how long sealing and verifying take, how large the digests are, and what is booked
while a monitor seals."""

import asyncio
import resource
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from pathlib import Path

from pydantic import SecretStr

from benchmarks.book_events import EVENTS_PER_INFERENCE, inference_events
from benchmarks.figures import percentile
from benchmarks.history.store import BUSY, analyze, fill_span, make_past_days
from deploy.local.lone_postgres import running_postgres
from deploy.local.progress import say, step
from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.proof.auditing import verify_day
from services.monitor.proof.sealing import Sealed, Sealer
from services.monitor.proof.store import ProofStore
from services.monitor.proof.topic import published_seals
from services.monitor.retention.days import midnight
from shared.crypto.signing import SigningKeys, new_signing_key
from shared.db import DatabaseSettings, connect_pool
from shared.db.pool import Pool
from shared.events import InferenceEvent, utc_now
from shared.kafka.local import LocalBroker
from shared.kafka.publisher import Publisher

_AFTER = timedelta(minutes=15)
_BATCH = 500
_QUIET_S = 10.0


def run(rows: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="tallygate-bench-") as folder:
        Path(folder).chmod(0o755)
        with running_postgres(Path(folder), "TALLYGATE_BENCH=1") as url:
            return asyncio.run(_measure(DatabaseSettings(database_url=SecretStr(url)), rows))


async def _measure(database: DatabaseSettings, rows: int) -> bool:
    pool = await connect_pool(database.model_copy(update={"database_timeout_s": 600.0}))
    publisher = Publisher(LocalBroker(), "benchmark")
    await publisher.start()
    keys, today = SigningKeys.parse(new_signing_key()), utc_now().date()
    by_hand, by_monitor = today - timedelta(days=3), today - timedelta(days=2)
    try:
        await make_past_days(pool, by_hand, today)
        with step(f"fill two days with {rows:,} rows each"):
            for day in (by_hand, by_monitor):
                await fill_span(pool, midnight(day), midnight(day) + BUSY, round(rows / 2.05))
            await analyze(pool)
        sealer = Sealer(ProofStore(pool), publisher, keys)
        sealed = await _timed("by hand, nothing else going on", lambda: sealer.seal(by_hand, _AFTER, _keep))
        await _tell_size(pool, by_hand, sealed.seal.rows)
        again = await _timed("once more, with nothing new", lambda: sealer.seal(by_hand, _AFTER, _keep))
        on_topic = await published_seals(publisher.broker, keys)
        started = time.perf_counter()
        verdict = await verify_day(ProofStore(pool), keys, by_hand, _AFTER, on_topic)
        say(f"  verified in {time.perf_counter() - started:.1f} s")
        await _tell_booked("nothing is sealed", pool, asyncio.create_task(asyncio.sleep(_QUIET_S)))
        work = asyncio.create_task(_sealed_paced(sealer, by_monitor))
        await _tell_booked("the same process seals", pool, work)
        say(f"  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB at most in this process")
    finally:
        await publisher.stop()
        await pool.close()
    return verdict.valid and not again.is_new


async def _sealed_paced(sealer: Sealer, day: date) -> None:
    await _timed("as a monitor does it", lambda: sealer.seal(day, _AFTER, _keep, paced=True))


async def _timed(name: str, work: Callable[[], Awaitable[Sealed]]) -> Sealed:
    started, cpu = time.perf_counter(), time.process_time()
    done = await work()
    seconds = time.perf_counter() - started
    say(f"  {done.seal.rows:,} rows sealed in {seconds:.1f} s, {time.process_time() - cpu:.1f} s of CPU here: {name}")
    return done


async def _tell_size(pool: Pool, day: date, rows: int) -> None:
    size = await pool.fetchval("SELECT pg_total_relation_size($1::regclass)", f"monitor.digests_{day:%Y%m%d}")
    tables = [f"monitor.{table}_{day:%Y%m%d}" for table in ("attempts", "inferences", "late_words")]
    books = await pool.fetchval(
        "SELECT sum(pg_total_relation_size(t::regclass))::bigint FROM unnest($1::text[]) t", tables
    )
    million = 1e6 / rows
    say(
        f"  digests: {size * million / 1e6:.1f} MB a million rows, which are {books * million / 1e6:,.0f} MB themselves"
    )


async def _tell_booked(name: str, pool: Pool, until: "asyncio.Task[None]") -> None:
    """Events of today, one batch after another, until the task has ended."""
    store, booked, batches = BookStore(pool), 0, list[float]()
    started = time.perf_counter()
    while not until.done():
        events = _events(booked)
        before = time.perf_counter()
        await store.book(fold(events), utc_now())
        batches.append(time.perf_counter() - before)
        booked += EVENTS_PER_INFERENCE * (_BATCH // EVENTS_PER_INFERENCE)
    await until
    say(f"  booked while {name}: {booked / (time.perf_counter() - started):,.0f} events/s, batches p50 "
        f"{1000 * percentile(batches, 0.5):.0f} ms, p99 {1000 * percentile(batches, 0.99):.0f} ms")  # fmt: skip


def _events(first: int) -> list[InferenceEvent]:
    made = (event for n in range(_BATCH // EVENTS_PER_INFERENCE) for _, event in inference_events(first + n, utc_now()))
    return [event for event in made if isinstance(event, InferenceEvent)]


async def _keep() -> None:
    """There is no lease."""
