"""What is read from sums is what the books hold, whatever was summed up when."""

from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.reading.store import Span
from services.monitor.rollups.cover import whole
from services.monitor.rollups.latency import BOUNDS
from services.monitor.rollups.steps import TOKEN_STEPS, end
from services.monitor.rollups.store import RollupStore
from services.monitor.summary.store import SummaryStore
from services.monitor.summary.summary import BookRows
from services.monitor.summary.timeline import timeline
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import TallygateError, failure
from shared.events import InferenceEvent, new_id
from tests.stores.lives import AGO, KEYS, LENGTHS, MODELS, NOW, OPERATIONS, SHARED, Life, life, live, sum_up
from tests.support.memory.monitor import MonitorTables
from tests.unit.monitor.rollups.test_cover import LONG_AGO
from tests.unit.shared.events.samples import ended, settled, started

pytestmark = pytest.mark.real_postgres
_TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
_USAGE = ("reported", "estimated", "unknown")
_SUMS = (*_TOKENS, "reasoning_tokens", *_USAGE)
_EVER = timedelta(days=4000)


@pytest_asyncio.fixture(scope="session")
async def summaries(pool: Pool) -> AsyncIterator[SummaryStore]:
    yield SummaryStore(Reads(pool, ReadSettings()))


async def test_a_call_that_becomes_known_after_the_sums_counts_for_its_model(
    pool: Pool, summaries: SummaryStore
) -> None:
    tenant, inference_id, at = f"tenant-{new_id()}", new_id(), NOW - timedelta(hours=30)
    ids = {"inference_id": inference_id, "tenant_id": tenant}
    word = settled(**ids, event_id=new_id(), settled_at=at, first_model="custom:a", model_served="custom:a", attempts=2)
    await BookStore(pool).book(fold([word]), NOW)
    await sum_up(pool, "all that is over")
    call = started(**ids, attempt_id=new_id(), attempt_number=1, model="custom:b", started_at=at)
    await BookStore(pool).book(fold([call]), NOW)
    await sum_up(pool, "all that is over")

    rows = await summaries.summary(Span(tenant, NOW - timedelta(days=2), NOW, "custom:b"), 5)
    assert [request["model"] for request in rows.requests] == ["custom:a"]


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # instead of what went wrong
@SHARED
@given(
    life(), st.sampled_from((None, *MODELS)), st.sampled_from(OPERATIONS), st.sampled_from(KEYS),
    LENGTHS, AGO,
)  # fmt: skip
async def test_any_span_tells_what_the_books_hold(
    pool: Pool, summaries: SummaryStore, lived: Life, model: str | None, operation: str | None, key: str | None,
    length: timedelta, ago: timedelta,
) -> None:  # fmt: skip
    tenant = f"tenant-{new_id()}"
    until = NOW - ago if ago else end(NOW, "minute")
    span = Span(tenant, until - length, until, model, operation, key)
    tables = await live(pool, tenant, lived)
    assert comparable(await summaries.summary(span, 5)) == comparable(counted(tables, span, 5))


def counted(tables: MonitorTables, span: Span, most: int) -> BookRows:
    """The same, of rows one by one."""
    since, until = whole(span.since, span.until, LONG_AGO)
    calls = [row for row in tables.attempts.values() if span.model in (None, row["model"]) and _is_asked(row, span)]
    called: dict[UUID, set[str]] = {}
    for row in tables.attempts.values():
        called.setdefault(row["inference_id"], set()).add(row["model"])
    requests: Counter[tuple[Any, ...]] = Counter()
    fallbacks: Counter[tuple[Any, ...]] = Counter()
    latency: Counter[int] = Counter()
    duration_s = 0.0
    errors: list[dict[str, Any]] = []
    for row in tables.inferences.values():
        if row["settled_at"] is None or not since <= row["settled_at"] < until or not _is_asked(row, span):
            continue
        model = row["model_served"] or row["first_model"] or "auto"
        if span.model not in (None, model, *called.get(row["inference_id"], ())):
            continue
        key = (model, row["server_address"] or "", row["settlement"], row["error_type"] or "")
        requests[key] += 1
        completed = row["settlement"] == "completed"
        fallbacks[key] += completed and row["model_served"] != row["first_model"]
        if completed:
            latency[bisect_right(BOUNDS, row["duration_s"])] += 1
            duration_s += row["duration_s"]
        elif not row["attempts"] and span.model is None:
            errors.append({"at": row["settled_at"], "inference_id": row["inference_id"]})
    over = [row for row in calls if row["ended_at"] is not None and since <= row["ended_at"] < until]
    errors += [
        {"at": row["ended_at"], "inference_id": row["inference_id"]} for row in over if row["outcome"] == "failed"
    ]
    errors.sort(key=lambda error: error["at"], reverse=True)
    names = ("model", "server_address", "settlement", "error_type")
    return BookRows(
        since=since,
        until=until,
        requests=[
            dict(zip(names, key, strict=True)) | {"n": n, "fallbacks": fallbacks[key]} for key, n in requests.items()
        ],
        latency=latency,
        duration_s=duration_s,
        attempts=[_call(row) for row in over],
        first_chunk=Counter(bucket(row["first_chunk_s"]) for row in over if row["first_chunk_s"] is not None),
        per_chunk=Counter(
            bucket((row["duration_s"] - row["first_chunk_s"]) / (row["chunks"] - 1))
            for row in over
            if row["first_chunk_s"] is not None and (row["chunks"] or 0) > 1
        ),
        open_attempts=sum(row["outcome"] is None and since <= row["started_at"] < until for row in calls),
        errors=errors[:most],
    )


def _is_asked(row: dict[str, Any], span: Span) -> bool:
    return span.operation in (None, row["operation_name"]) and span.key in (None, row["key_id"])


def bucket(seconds: float) -> int:
    return bisect_right(BOUNDS, seconds)


def _call(row: dict[str, Any]) -> dict[str, Any]:
    tokens = {name: row[name] or 0 for name in _SUMS[: -len(_USAGE)]}
    tokens |= {state: int(row["usage_state"] == state) for state in _USAGE}
    named = {name: row[name] for name in ("model", "outcome", "error_type", "cost_usd")}
    return named | tokens | {"prompt_from": max(step for step in TOKEN_STEPS if step <= tokens["input_tokens"]), "n": 1}


def comparable(rows: BookRows) -> list[Any]:
    calls: dict[tuple[Any, ...], Counter[str]] = {}
    for row in rows.attempts:
        key = (row["model"], row["outcome"], row["error_type"], row["prompt_from"])
        calls.setdefault(key, Counter()).update({name: row[name] for name in ("n", "cost_usd", *_SUMS)})
    requests: dict[tuple[Any, ...], tuple[int, int]] = {
        (row["model"], row["server_address"], row["settlement"], row["error_type"]): (row["n"], row["fallbacks"])
        for row in rows.requests
    }
    times = [error["at"] for error in rows.errors]
    histograms = [dict(rows.latency), dict(rows.first_chunk), dict(rows.per_chunk)]
    return [calls, requests, histograms, pytest.approx(rows.duration_s), rows.open_attempts, times]


async def test_calls_are_summed_up_by_the_steps_of_a_price_with_what_was_cached(
    pool: Pool, summaries: SummaryStore
) -> None:
    tenant = f"tenant-{new_id()}"
    calls = [(200_000, 1, 0, 0), (100_000, 2, 90_000, 5_000), (200_001, 3, 200_000, 1), (900_000, 4, 0, 0), (None,) * 4]
    events: list[InferenceEvent] = []
    for call in calls:
        told = {name: value for name, value in zip(_TOKENS, call, strict=True) if value is not None}
        events.append(ended(inference_id=new_id(), attempt_id=new_id(), tenant_id=tenant, ended_at=NOW, **told))
    await BookStore(pool).book(fold(events), NOW)
    rows = (await summaries.summary(Span(tenant, NOW - _EVER, NOW), 5)).attempts
    found = [(row["prompt_from"], row["n"], *(row[name] for name in _TOKENS)) for row in rows]
    assert sorted(found) == [
        (0, 2, 100_000, 2, 90_000, 5_000),
        (128_000, 1, 200_000, 1, 0, 0),
        (200_001, 1, 200_001, 3, 200_000, 1),
        (272_001, 1, 900_000, 4, 0, 0),
    ]


async def test_what_came_of_a_stream_that_broke_is_spent(pool: Pool) -> None:
    tenant = f"tenant-{new_id()}"
    broken = ended(
        inference_id=new_id(), attempt_id=new_id(), tenant_id=tenant, ended_at=NOW, outcome="failed",
        error=failure("stream_broken", "why"), input_tokens=3, output_tokens=4, usage_state="estimated", cost_usd=0.5,
    )  # fmt: skip
    await BookStore(pool).book(fold([broken]), NOW)
    async with RollupStore(pool).turn() as turn:
        assert turn is not None
        _, touched = await turn.take_touched(5000)
        await turn.sum_up_minutes(touched, NOW)
        await turn.spending.sum_up_days({(tenant, NOW.date())})
        (spent,) = await turn.spending.spent([tenant], NOW.date())
    assert (spent["usd_day"], spent["tokens_day"]) == (0.5, 7)


@pytest.mark.parametrize("late", [False, True])
async def test_a_timeline_shows_what_was_cached(pool: Pool, summaries: SummaryStore, late: bool) -> None:
    ids = {"inference_id": new_id(), "attempt_id": new_id(), "tenant_id": f"tenant-{new_id()}"}
    start = started(**ids)
    end = ended(**ids, input_tokens=30, output_tokens=4, cache_read_tokens=20, cache_write_tokens=5)
    for event in (end, start) if late else (start, end):
        await BookStore(pool).book(fold([event]), NOW)
    found = await summaries.inference(str(ids["tenant_id"]), start.inference_id)
    assert found is not None
    assert [timeline(*found)["attempts"][0][name] for name in _TOKENS] == [30, 4, 20, 5]


async def test_a_timeline_tells_when_the_first_settlement_was_booked(pool: Pool, summaries: SummaryStore) -> None:
    ids = {"inference_id": new_id(), "tenant_id": f"tenant-{new_id()}"}

    async def booked_at(*events: InferenceEvent) -> datetime | None:
        await BookStore(pool).book(fold(events), NOW)
        found = await summaries.inference(str(ids["tenant_id"]), UUID(str(ids["inference_id"])))
        assert found is not None
        told = timeline(*found)["booked_at"]
        return datetime.fromisoformat(told) if told else None

    assert await booked_at(started(**ids)) is None
    before = await pool.fetchval("SELECT clock_timestamp()")
    first = await booked_at(settled(**ids, event_id=new_id()))
    assert first is not None
    assert before <= first <= await pool.fetchval("SELECT clock_timestamp()")
    assert await booked_at(settled(**ids, event_id=new_id()), started(**ids)) == first


async def test_a_read_that_takes_too_long_is_ended_by_the_server_and_says_what_to_do(pool: Pool) -> None:
    reads = Reads(pool, ReadSettings(timeout_s=0.2))
    with pytest.raises(TallygateError, match=r"longer than 0\.2 s") as refused:
        async with reads.snapshot("acme") as connection:
            await connection.execute("SELECT pg_sleep(30)")
    assert refused.value.failure.http_status == 503
    async with reads.snapshot("acme") as connection:
        assert await connection.fetchval("SELECT 1") == 1


async def test_a_reader_sees_the_books_as_they_were_when_it_began_and_cannot_write(pool: Pool) -> None:
    async with Reads(pool, ReadSettings()).snapshot("acme") as connection:
        assert await connection.fetchval("SHOW transaction_read_only") == "on"
        assert await connection.fetchval("SHOW transaction_isolation") == "repeatable read"
