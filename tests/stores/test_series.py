"""A series is what the books hold, step by step, whatever was summed up when."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.ranges import Range
from services.monitor.reading.store import Span
from services.monitor.rollups.latency import percentile
from services.monitor.rollups.steps import end
from services.monitor.series import series as limits
from services.monitor.series.series import GROUPS, MEASURES, STEPS, Axis, parse_axis, parse_group, parse_measure, told
from services.monitor.series.store import SeriesStore
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import TallygateError
from shared.events import new_id
from tests.stores.lives import KEYS, MODELS, NOW, OPERATIONS, SHARED, Life, life, live
from tests.stores.test_summary import bucket
from tests.support.memory.monitor import MonitorTables
from tests.unit.shared.events.samples import settled

pytestmark = pytest.mark.real_postgres

Row = dict[str, Any]
Values = dict[tuple[str, datetime], float]


@pytest_asyncio.fixture(scope="session")
async def series(pool: Pool) -> AsyncIterator[SeriesStore]:
    yield SeriesStore(Reads(pool, ReadSettings()))


async def asked(store: SeriesStore, span: Span, axis: Axis, measure: str, group: str | None) -> list[dict[str, Any]]:
    of, column = parse_measure(measure), parse_group(group)
    read = await store.read(span._replace(since=axis.since, until=axis.until), axis, of, column)
    return told(axis, of, group is not None, read)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # instead of what went wrong
@SHARED
@given(
    life(), st.sampled_from(list(MEASURES)), st.sampled_from((None, *GROUPS)), st.sampled_from(list(STEPS)),
    st.sampled_from((None, *MODELS)), st.sampled_from(OPERATIONS), st.sampled_from(KEYS),
    st.timedeltas(timedelta(minutes=1), timedelta(hours=33)), st.timedeltas(timedelta(0), timedelta(days=3)),
)  # fmt: skip
async def test_every_point_is_what_the_books_hold(
    pool: Pool, series: SeriesStore, lived: Life, measure: str, group: str | None, step: str, model: str | None,
    operation: str | None, key: str | None, length: timedelta, ago: timedelta,
) -> None:  # fmt: skip
    tenant = f"tenant-{new_id()}"
    until = NOW - ago if ago else end(NOW, "minute")
    span = Span(tenant, until - length, until, model, operation, key)
    axis = parse_axis(step, Range(span.since, span.until))
    tables = await live(pool, tenant, lived)

    found = await asked(series, span, axis, measure, group)
    points = {
        (each["group"], datetime.fromisoformat(at)): value for each in found for at, value in each["points"] if value
    }
    assert points == pytest.approx(counted(tables, span, axis, measure, group), abs=1e-6)
    assert all(len(each["points"]) == axis.points for each in found)


@pytest.mark.filterwarnings("ignore:Generating overly large repr")
@SHARED
@given(
    life(), st.sampled_from(list(MEASURES)), st.sampled_from(("1h", "1d")), st.sampled_from((None, *MODELS)),
    st.timedeltas(timedelta(days=2), timedelta(days=75)), st.timedeltas(timedelta(0), timedelta(days=3)),
)  # fmt: skip
async def test_the_largest_key_has_a_series_and_the_other_one_is_of_all_others(
    pool: Pool, series: SeriesStore, lived: Life, measure: str, step: str, model: str | None, length: timedelta,
    ago: timedelta,
) -> None:  # fmt: skip
    tenant = f"tenant-{new_id()}"
    until = NOW - ago if ago else end(NOW, "minute")
    span = Span(tenant, until - length, until, model)
    axis = parse_axis(step, Range(span.since, span.until))
    tables = await live(pool, tenant, lived)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(limits, "MOST_SERIES", 1)
        found = await asked(series, span, axis, measure, "key")
    sizes = _sizes(tables, span, axis, measure)
    names = [each["group"] for each in found if each["group"] != "other"]
    assert all(sizes[name] == pytest.approx(max(sizes.values())) for name in names)
    own = {key for key in sizes if key in names}
    points = {
        (each["group"], datetime.fromisoformat(at)): value for each in found for at, value in each["points"] if value
    }
    assert points == pytest.approx(counted(tables, span, axis, measure, "key", own), abs=1e-6)


def _sizes(tables: MonitorTables, span: Span, axis: Axis, measure: str) -> dict[str, float]:
    """By key, what the largest is the largest by: what is added up, or how many a percentile is of."""
    of, found = MEASURES[measure], defaultdict[str, float](float)
    for row in _within(tables, span, axis, measure):
        if of.share is None:
            found[row["key_id"] or "none"] += _value(measure, [row]) or 0
        elif row[of.counts] is not None:
            found[row["key_id"] or "none"] += 1
    return found


def counted(
    tables: MonitorTables, span: Span, axis: Axis, measure: str, group: str | None, own: Collection[str] | None = None
) -> Values:
    """own: the groups that have a series of their own; None: all."""
    by_point: dict[tuple[Any, datetime], list[Row]] = defaultdict(list)
    for row in _within(tables, span, axis, measure):
        name = None if group is None else row[GROUPS[group]] or "none"
        if own is not None and name not in own:
            name = "other"
        by_point[name, axis.since + (row["at"] - axis.since) // axis.length * axis.length].append(row)
    values = {point: _value(measure, of_point) for point, of_point in by_point.items()}
    return {point: value for point, value in values.items() if value}


def _within(tables: MonitorTables, span: Span, axis: Axis, measure: str) -> list[Row]:
    rows = list(_requests(tables, span) if MEASURES[measure].of == "requests" else _calls(tables, span))
    return [row for row in rows if axis.since <= row["at"] < axis.until]


def _value(measure: str, rows: list[Row]) -> float | None:
    of = MEASURES[measure]
    if of.share is not None:
        return percentile(Counter(row[of.counts] for row in rows if row[of.counts] is not None), of.share)
    counts: list[float] = [row["is_failed"] if measure.startswith("fail") else row[measure] for row in rows]
    return sum(counts)


def _requests(tables: MonitorTables, span: Span) -> Iterable[Row]:
    called: dict[Any, set[str]] = defaultdict(set)
    for row in tables.attempts.values():
        called[row["inference_id"]].add(row["model"])
    for row in tables.inferences.values():
        model = row["model_served"] or row["first_model"] or "auto"
        if row["settled_at"] is None or not _is_asked(row, span):
            continue
        if span.model in (None, model, *called[row["inference_id"]]):
            completed = row["settlement"] == "completed"
            yield row | {
                "at": row["settled_at"], "model": model, "is_failed": row["settlement"] == "failed", "requests": 1,
                "latency": bucket(row["duration_s"]) if completed else None,
            }  # fmt: skip


def _calls(tables: MonitorTables, span: Span) -> Iterable[Row]:
    for row in tables.attempts.values():
        if row["ended_at"] is None or not _is_asked(row, span) or span.model not in (None, row["model"]):
            continue
        first, gaps = row["first_chunk_s"], max((row["chunks"] or 0) - 1, 0)
        yield row | {
            "at": row["ended_at"], "is_failed": row["outcome"] == "failed", "attempts": 1,
            "cost": row["cost_usd"],
            "tokens": (row["input_tokens"] or 0) + (row["output_tokens"] or 0),
            "first_chunk": None if first is None else bucket(first),
            "per_chunk": None if first is None or not gaps else bucket((row["duration_s"] - first) / gaps),
        }  # fmt: skip


def _is_asked(row: Row, span: Span) -> bool:
    return span.operation in (None, row["operation_name"]) and span.key in (None, row["key_id"])


@pytest.mark.parametrize(("measure", "value"), [("requests", 1), ("p50", 3.0)])
async def test_of_many_groups_the_largest_have_series_and_the_others_one(
    pool: Pool, series: SeriesStore, measure: str, value: float
) -> None:
    tenant = f"tenant-{new_id()}"
    words = [
        settled(inference_id=new_id(), tenant_id=tenant, event_id=new_id(), settled_at=NOW, api_key_id=f"key-{number}")
        for number in range(60)
        for _ in range(2 if number < 50 else 1)
    ]
    await BookStore(pool).book(fold(words), NOW)
    axis = parse_axis("1m", Range(NOW - timedelta(minutes=2), end(NOW, "minute")))
    found = await asked(series, Span(tenant, axis.since, axis.until), axis, measure, "key")
    assert [each["group"] for each in found] == [*sorted(f"key-{number}" for number in range(50)), "other"]
    last = [each["points"][-1][1] for each in found]
    assert last == pytest.approx([2 * value] * 50 + [10] if measure == "requests" else [value] * 51, rel=0.05)


async def test_steps_for_which_there_are_no_sums_any_more_are_refused_with_which_to_send(
    pool: Pool, series: SeriesStore
) -> None:
    gone_before = await pool.fetchval("SELECT gone_before FROM monitor.retention")
    axis = Axis("5m", gone_before - timedelta(minutes=5), 2)
    with pytest.raises(TallygateError, match="no sums by minute of what is older than 2") as refused:
        await asked(series, Span("acme", axis.since, axis.until), axis, "requests", None)
    assert "step=1h" in refused.value.failure.tips[0]
