"""Errors are grouped as the books hold them, whatever was summed up when."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from string import ascii_lowercase
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.errors.errors import told
from services.monitor.errors.store import Errors, ErrorStore
from services.monitor.reading.store import Span
from services.monitor.rollups.cover import whole
from services.monitor.rollups.steps import end
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import failure
from shared.events import InferenceEvent, new_id
from tests.stores.lives import AGO, LENGTHS, MODELS, NOW, SHARED, Life, life, live, sum_up
from tests.support.memory.monitor import MonitorTables
from tests.unit.monitor.rollups.test_cover import LONG_AGO
from tests.unit.shared.events.samples import ended, settled

pytestmark = pytest.mark.real_postgres

_TYPES = (None, "server_error", "rate_limited", "no_model_available")
_EVER = timedelta(days=4000)


@pytest_asyncio.fixture(scope="session")
async def errors(pool: Pool) -> AsyncIterator[ErrorStore]:
    yield ErrorStore(Reads(pool, ReadSettings()))


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # instead of what went wrong
@SHARED
@given(
    life(), st.sampled_from((None, *MODELS)), st.sampled_from(_TYPES),
    LENGTHS, AGO,
)  # fmt: skip
async def test_every_error_is_in_one_group_with_who_met_it(
    pool: Pool, errors: ErrorStore, lived: Life, model: str | None, error_type: str | None, length: timedelta,
    ago: timedelta,
) -> None:  # fmt: skip
    tenant = f"tenant-{new_id()}"
    until = NOW - ago if ago else end(NOW, "minute")
    span = Span(tenant, until - length, until, model)
    tables = await live(pool, tenant, lived)

    found = await errors.read(span, error_type, 100)
    groups = {tuple(row[name] for name in _KEY): row for row in found.rows}
    expected = counted(tables, span, error_type)
    assert groups.keys() == expected.keys()
    for key, rows in expected.items():
        group = groups[key]
        times = [row["at"] for row in rows]
        assert (group["n"], group["first_at"], group["last_at"]) == (len(rows), min(times), max(times))
        assert group["keys"] == Counter(row["key_id"] or "" for row in rows)
        assert set(group["samples"]) <= {row["inference_id"] for row in rows}
        assert len(group["samples"]) == len(set(group["samples"])) == min(3, len({row["inference_id"] for row in rows}))
        assert group["error"]["error_type"] == key[0]
    assert found.total == sum(map(len, expected.values()))


_KEY = ("error_type", "model", "server_address", "cause")


def counted(tables: MonitorTables, span: Span, error_type: str | None) -> dict[tuple[Any, ...], list[dict[str, Any]]]:
    since, until = whole(span.since, span.until, LONG_AGO)
    rows = [row | {"at": row["ended_at"]} for row in tables.attempts.values() if row["outcome"] == "failed"]
    rows += [
        row | {"at": row["settled_at"], "model": "auto", "server_address": row["server_address"] or ""}
        for row in tables.inferences.values()
        if row["settlement"] not in (None, "completed") and not row["attempts"]
    ]
    found = defaultdict(list)
    for row in rows:
        asked = span.model in (None, row["model"]) and error_type in (None, row["error_type"])
        if since <= row["at"] < until and asked:
            found[tuple(row[name] for name in _KEY)].append(row)
    return found


async def book(pool: Pool, events: list[InferenceEvent], *, then: str) -> None:
    await BookStore(pool).book(fold(events), NOW)
    await sum_up(pool, "book" if then == "fresh" else "all that is over")


def failed(tenant: str, detail: str, **more: object) -> InferenceEvent:
    fields = {"inference_id": new_id(), "attempt_id": new_id(), "event_id": new_id(), "tenant_id": tenant}
    told = {"outcome": "failed", "error": failure("server_error", detail), "ended_at": NOW}
    return ended(**fields | told | more)


async def all_of(errors: ErrorStore, tenant: str, most: int = 100) -> Errors:
    return await errors.read(Span(tenant, NOW - _EVER, end(NOW, "minute")), None, most)


@pytest.mark.parametrize("then", ["fresh", "summed up"])
async def test_of_many_causes_the_most_frequent_are_told_apart(pool: Pool, errors: ErrorStore, then: str) -> None:
    tenant = f"tenant-{new_id()}"
    events = [failed(tenant, letter) for letter in ascii_lowercase[:20] for _ in range(2)]
    events += [failed(tenant, letter) for letter in ascii_lowercase[20:23]]
    await book(pool, events, then=then)
    found = await all_of(errors, tenant)
    assert [row["n"] for row in found.rows] == [3] + [2] * 20
    assert found.rows[0]["cause"] == ""


@pytest.mark.parametrize("then", ["fresh", "summed up"])
async def test_of_many_keys_those_that_met_it_most_are_named(pool: Pool, errors: ErrorStore, then: str) -> None:
    tenant = f"tenant-{new_id()}"
    events = [failed(tenant, "why", api_key_id=f"k{n}") for n in range(15) for _ in range(20 - n)]
    await book(pool, events, then=then)
    [group] = told((await all_of(errors, tenant)).rows)
    assert (group["keys"], group["more_keys"]) == ([f"k{n}" for n in range(10)], True)


async def test_the_groups_that_are_left_out_are_counted(pool: Pool, errors: ErrorStore) -> None:
    tenant = f"tenant-{new_id()}"
    await book(pool, [failed(tenant, "why", model=f"custom:m{n}") for n in range(4)], then="fresh")
    found = await all_of(errors, tenant, most=3)
    assert (len(found.rows), found.groups, found.total) == (3, 4, 4)


async def test_where_the_rows_are_gone_the_tips_are_those_of_the_type(pool: Pool, errors: ErrorStore) -> None:
    tenant = f"tenant-{new_id()}"
    await book(pool, [failed(tenant, "why")], then="summed up")
    await pool.execute("DELETE FROM monitor.attempts WHERE tenant_id = $1", tenant)
    [group] = told((await all_of(errors, tenant)).rows)
    assert (group["detail"], group["count"]) == (None, 1)
    assert group["tips"]


async def test_an_inference_that_nobody_called_for_is_an_error_of_its_own(pool: Pool, errors: ErrorStore) -> None:
    tenant = f"tenant-{new_id()}"
    word = settled(
        inference_id=new_id(), tenant_id=tenant, event_id=new_id(), settlement="rejected", attempts=0, settled_at=NOW,
        model_served=None, first_model=None, server_address=None, model_requested="custom:m",
        error=failure("model_not_found", "there is no custom:m"),
    )  # fmt: skip
    await book(pool, [word], then="summed up")
    [group] = told((await all_of(errors, tenant)).rows)
    assert (group["error_type"], group["model"], group["detail"]) == (
        "model_not_found",
        "custom:m",
        "there is no custom:m",
    )
