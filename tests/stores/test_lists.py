"""Lists of the books, page by page: each row once, the newest first, and no page looks at more than its share."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio

from services.monitor.books.books import Booked, fold
from services.monitor.books.store import BookStore
from services.monitor.cursors import Place
from services.monitor.lists.filters import Filters
from services.monitor.lists.page import Page, page
from services.monitor.lists.store import ListStore
from shared.db.pool import Pool
from shared.db.reads import Reads, ReadSettings
from shared.errors import ErrorType, failure
from shared.events import new_id
from tests.stores.events import asked
from tests.unit.shared.events.samples import ended, requested, settled, started

pytestmark = pytest.mark.real_postgres

_SINCE = datetime(2026, 11, 23, 12, tzinfo=UTC)
_UNTIL = _SINCE + timedelta(hours=1)
_TOP = Place(_UNTIL, UUID(int=0))


@pytest_asyncio.fixture(scope="session")
async def lists(pool: Pool) -> AsyncIterator[ListStore]:
    yield ListStore(Reads(pool, ReadSettings()), share=7)


class History:
    """Inferences of a tenant of its own, one a second."""

    def __init__(self) -> None:
        self.tenant = f"t{new_id().hex[-12:]}"
        self.events: list[Booked] = []
        self.seconds = 0

    def one(self, *calls: tuple[str, ErrorType | None], is_open: bool = False, **said: Any) -> UUID:
        """calls: of which model, and how it failed. said: of the request."""
        self.seconds += 1
        at = _SINCE + timedelta(seconds=self.seconds)
        inference_id = new_id()
        ids = {"inference_id": inference_id, "tenant_id": self.tenant}
        word = ids | {"accepted_at": at, "deadline_at": at + timedelta(seconds=60)}
        self.events.append(asked(requested(**word, **said), self.seconds))
        error = None
        for number, (model, error_type) in enumerate(calls, 1):
            call = ids | {"attempt_id": new_id(), "attempt_number": number, "model": model, "started_at": at}
            error = failure(error_type, "why") if error_type else None
            told = {"ended_at": at, "cost_usd": 0.25, "outcome": "failed" if error else "succeeded", "error": error}
            self.events += [started(**call, **_time(word)), ended(**call, **told, event_id=new_id())]
        if not is_open:
            served = None if error or not calls else calls[-1][0]
            self.events.append(
                settled(
                    **ids, event_id=new_id(), accepted_at=at, settled_at=at, attempts=len(calls), model_served=served,
                    first_model=calls[0][0] if calls else None, error=error,
                    settlement="completed" if served else "failed" if calls else "rejected",
                )
            )  # fmt: skip
        return inference_id

    async def booked(self, pool: Pool) -> None:
        await BookStore(pool).book(fold(self.events), _UNTIL)


def _time(word: dict[str, Any]) -> dict[str, Any]:
    return {name: word[name] for name in ("accepted_at", "deadline_at")}


async def pages(lists: ListStore, tenant: str, limit: int, filters: Filters = Filters()) -> list[Page]:  # noqa: B008
    found, before = [], _TOP
    while True:
        read = page(await lists.inferences(tenant, _SINCE, before, filters, limit + 1), limit)
        found.append(read)
        if read.next is None:
            return found
        before = read.next


def ids_of(read: Sequence[Page]) -> list[UUID]:
    return [row["inference_id"] for one in read for row in one.rows]


async def test_every_row_comes_once_and_the_newest_first_whatever_the_size_of_a_page(
    pool: Pool, lists: ListStore
) -> None:
    history = History()
    made = [history.one(("custom:m", None), is_open=number % 4 == 0) for number in range(20)]
    await history.booked(pool)
    for limit in (1, 3, 20, 100):
        read = await pages(lists, history.tenant, limit)
        assert ids_of(read) == made[::-1]
        assert all(len(one.rows) <= limit for one in read)


async def test_what_was_settled_at_the_same_moment_comes_once_too(pool: Pool, lists: ListStore) -> None:
    history = History()
    made = []
    for _ in range(10):
        history.seconds = 4
        made.append(history.one(("custom:m", None)))
    await history.booked(pool)
    assert ids_of(await pages(lists, history.tenant, 3)) == sorted(made, reverse=True)


async def test_a_page_looks_at_its_share_and_says_where_to_go_on(pool: Pool, lists: ListStore) -> None:
    history = History()
    wanted = history.one(("custom:m", None), session="rare")
    for _ in range(19):
        history.one(("custom:m", None))
    await history.booked(pool)
    read = await pages(lists, history.tenant, 5, Filters(session="rare"))
    assert [len(one.rows) for one in read] == [0, 0, 1]
    assert ids_of(read) == [wanted]
    assert [one.next and (one.next.at - _SINCE).seconds for one in read] == [14, 7, None]
    nothing = await pages(lists, history.tenant, 5, Filters(session="never"))
    assert [len(one.rows) for one in nothing] == [0, 0, 0]


async def test_filters(pool: Pool, lists: ListStore) -> None:
    history = History()
    waits = history.one(is_open=True)
    runs = history.one(("custom:a", "server_error"), is_open=True, api_key_id="k1")
    refused = history.one(session="s1")
    served = history.one(("custom:a", None), api_key_id="k1", session="s1", tags={"team": "search", "env": "prod"})
    retried = history.one(("custom:b", "rate_limited"), ("custom:a", None), tags={"team": "search"})
    failed = history.one(("custom:b", "server_error"), api_key_id="k1")
    embedded = history.one(("custom:e", None), operation_name="embeddings", tags={"team": "other"})
    await history.booked(pool)
    expected = {
        Filters(state="accepted"): [waits],
        Filters(state="running"): [runs],
        Filters(state="rejected"): [refused],
        Filters(state="failed"): [failed],
        Filters(state="completed", model="custom:a"): [served, retried],
        Filters(model="custom:a"): [runs, served, retried],
        Filters(model="custom:b"): [retried, failed],
        Filters(error_type="rate_limited"): [retried],
        Filters(error_type="server_error"): [runs, failed],
        Filters(operation="embeddings"): [embedded],
        Filters(key="k1"): [runs, served, failed],
        Filters(session="s1"): [refused, served],
        Filters(tags=(("team", "search"),)): [served, retried],
        Filters(tags=(("team", "search"), ("env", "prod"))): [served],
        Filters(key="k1", error_type="server_error", state="failed"): [failed],
        Filters(key="nobody's"): [],
    }
    found = {filters: ids_of(await pages(lists, history.tenant, 50, filters)) for filters in expected}
    assert found == {filters: made[::-1] for filters, made in expected.items()}


async def test_what_the_calls_of_a_page_came_to(pool: Pool, lists: ListStore) -> None:
    history = History()
    retried = history.one(("custom:b", "rate_limited"), ("custom:a", None))
    failed = history.one(("custom:b", "server_error"))
    never = history.one()
    await history.booked(pool)
    calls = await lists.calls_of(history.tenant, [retried, failed, never])
    told = {one: (row["calls"], row["cost_usd"], row["outcome"]) for one, row in calls.items()}
    assert told == {retried: (2, 0.5, "succeeded"), failed: (1, 0.25, "failed")}


async def test_a_tenant_sees_its_own_and_only_the_range(pool: Pool, lists: ListStore) -> None:
    history = History()
    history.one(("custom:m", None))
    await history.booked(pool)
    assert ids_of(await pages(lists, "somebody-else", 5)) == []
    early = await lists.inferences(
        history.tenant, _SINCE, Place(_SINCE + timedelta(seconds=1), UUID(int=0)), Filters(), 5
    )
    late = await lists.inferences(history.tenant, _SINCE + timedelta(seconds=1.5), _TOP, Filters(), 5)
    assert [*early.settled, *late.settled] == []
