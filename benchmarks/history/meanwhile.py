"""What is booked, and how far behind it is, while people read."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from benchmarks.book_events import inference_events
from benchmarks.history.fill import turn
from services.monitor.books.books import Books, fold
from services.monitor.books.store import BookStore
from shared.db.pool import Pool
from shared.events import InferenceEvent, utc_now

BATCH = 500  # records, as the monitor takes them
_TURN_EVERY_S = 2.0

Reading = Callable[[], Awaitable[object]]


@dataclass(slots=True)
class Meanwhile:
    """events: booked. batch_s: how long each batch took. lag_s: of each batch, how long after its time it was booked.
    turn_s: how long it took each time to sum up what was booked."""

    events: int = 0
    seconds: float = 0.0
    batch_s: list[float] = field(default_factory=list)
    lag_s: list[float] = field(default_factory=list)
    turn_s: list[float] = field(default_factory=list)

    @property
    def per_s(self) -> float:
        return self.events / self.seconds if self.seconds else 0.0


async def booking(pool: Pool, per_s: float | None, readings: Reading) -> Meanwhile:
    """Books so many events a second, or (None) as many as it can, and sums them up, until `readings` has ended."""
    seen = Meanwhile()
    reads = asyncio.ensure_future(readings())
    began = time.monotonic()
    summing = asyncio.create_task(_sum_up(pool, seen, reads))
    while not reads.done():
        books = fold(_batch())
        due = began if per_s is None else began + seen.events / per_s
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        seen.batch_s.append(await seconds(partial(_book, pool, books)))
        seen.events += books.facts
        if per_s is not None:
            seen.lag_s.append(time.monotonic() - due)
    seen.seconds = time.monotonic() - began
    await summing
    await reads
    return seen


async def seconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _sum_up(pool: Pool, seen: Meanwhile, reads: "asyncio.Future[object]") -> None:
    while not reads.done():
        seen.turn_s.append(await seconds(partial(turn, pool)))
        await asyncio.sleep(_TURN_EVERY_S)


def _batch() -> list[InferenceEvent]:
    events: list[InferenceEvent] = []
    while len(events) < BATCH:
        events += [event for _, event in inference_events(0, utc_now()) if isinstance(event, InferenceEvent)]
    return events


async def _book(pool: Pool, books: Books) -> None:
    await BookStore(pool).book(books, utc_now())
