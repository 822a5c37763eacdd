"""What sessions cost is told as the books hold it, whatever was summed up when."""

from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given

from services.monitor.books.books import fold
from services.monitor.books.store import BookStore
from services.monitor.reading.store import Span
from services.monitor.rollups.cover import whole
from services.monitor.rollups.steps import end
from services.monitor.sessions.sessions import told
from services.monitor.sessions.store import SessionStore
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.events import InferenceEvent, new_id
from tests.stores.lives import AGO, LENGTHS, NOW, SHARED, Life, life, live, sum_up
from tests.support.memory.monitor import MonitorTables
from tests.unit.monitor.rollups.test_cover import LONG_AGO
from tests.unit.shared.events.samples import ended, settled

pytestmark = pytest.mark.real_postgres


@pytest_asyncio.fixture(scope="session")
async def sessions(pool: Pool) -> AsyncIterator[SessionStore]:
    yield SessionStore(Reads(pool, ReadSettings()))


@pytest.mark.filterwarnings("ignore:Generating overly large repr")  # instead of what went wrong
@SHARED
@given(life(), LENGTHS, AGO)
async def test_every_settled_request_is_in_the_sums_of_its_session(
    pool: Pool, sessions: SessionStore, lived: Life, length: timedelta, ago: timedelta
) -> None:
    tenant = f"tenant-{new_id()}"
    until = NOW - ago if ago else end(NOW, "minute")
    span = Span(tenant, until - length, until)
    tables = await live(pool, tenant, lived)

    found = told((await sessions.read(span)).rows)

    assert {one.pop("session"): one for one in found["sessions"]} == counted(tables, span)
    assert found["others"] is None


def counted(tables: MonitorTables, span: Span) -> dict[str, dict[str, Any]]:
    since, until = whole(span.since, span.until, LONG_AGO)
    rows = defaultdict(list)
    for row in tables.inferences.values():
        if row["settlement"] is not None and row["session"] is not None and since <= row["settled_at"] < until:
            rows[row["session"]].append(row)
    return {session: _figures(tables, of_session) for session, of_session in rows.items()}


def _figures(tables: MonitorTables, rows: list[Any]) -> dict[str, Any]:
    ids, times = {row["inference_id"] for row in rows}, [row["settled_at"] for row in rows]
    calls = [call for call in tables.attempts.values() if call["inference_id"] in ids and call["outcome"]]
    return {
        "requests": len(rows),
        "failures": sum(row["settlement"] not in ("completed", "rejected") for row in rows),
        "attempts": len(calls),
        "input_tokens": sum(call["input_tokens"] or 0 for call in calls),
        "output_tokens": sum(call["output_tokens"] or 0 for call in calls),
        "cost_usd": 0.25 * len(calls),
        "first_at": min(times).isoformat(),
        "last_at": max(times).isoformat(),
    }


def one(tenant: str, session: str, cost_usd: float) -> list[InferenceEvent]:
    ids = {"inference_id": new_id(), "tenant_id": tenant}
    call = ended(**ids, attempt_id=new_id(), event_id=new_id(), cost_usd=cost_usd, ended_at=NOW)
    return [call, settled(**ids, event_id=new_id(), session=session, settled_at=NOW)]


@pytest.mark.parametrize("then", ["fresh", "summed up"])
async def test_of_many_sessions_the_dearest_are_told_apart(pool: Pool, sessions: SessionStore, then: str) -> None:
    tenant = f"tenant-{new_id()}"
    events = [event for number in range(103) for event in one(tenant, f"s{number}", number)]
    await BookStore(pool).book(fold(events), NOW)
    await sum_up(pool, "book" if then == "fresh" else "all that is over")

    found = told((await sessions.read(Span(tenant, NOW - timedelta(days=2), end(NOW, "minute")))).rows)

    assert [one["session"] for one in found["sessions"]] == [f"s{number}" for number in range(102, 2, -1)]
    assert (found["others"]["requests"], found["others"]["cost_usd"]) == (3, 0 + 1 + 2)


async def test_a_session_of_another_tenant_is_another_one(pool: Pool, sessions: SessionStore) -> None:
    tenant, other = f"tenant-{new_id()}", f"tenant-{new_id()}"
    await BookStore(pool).book(fold([*one(tenant, "same", 1.0), *one(other, "same", 5.0)]), NOW)

    found = told((await sessions.read(Span(tenant, NOW - timedelta(hours=1), end(NOW, "minute")))).rows)

    assert [(one["session"], one["cost_usd"]) for one in found["sessions"]] == [("same", 1.0)]
