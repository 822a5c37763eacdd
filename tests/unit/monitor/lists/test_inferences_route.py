"""GET /api/inferences, with the books that a test gives it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.monitor.app import make_app
from services.monitor.books.books import fold
from services.monitor.books.lag import Lag
from services.monitor.cursors import Place
from services.monitor.lists.filters import Filters
from services.monitor.lists.page import Found, Row
from services.monitor.lists.routes import ListsApi
from services.monitor.lists.store import ListStore
from services.monitor.settings import MonitorSettings
from shared.access import Caller
from shared.errors import failure
from shared.events import utc_now
from tests.support.gateway_app import KnownKey, told
from tests.unit.shared.events.samples import INFERENCE, NOW, settled


class Books(ListStore):
    def __init__(self, *rows: Row, looked_to: Place | None = None) -> None:
        self.rows = rows
        self.looked_to = looked_to
        self.asked: list[tuple[str, datetime, Place, Filters, int]] = []

    async def inferences(self, tenant_id: str, since: datetime, before: Place, filters: Filters, most: int) -> Found:
        self.asked.append((tenant_id, since, before, filters, most))
        return Found([], self.rows, self.looked_to)

    async def calls_of(self, _tenant_id: str, inference_ids: Sequence[UUID]) -> dict[UUID, Row]:
        call = {
            "calls": 2, "cost_usd": 0.5, "outcome": "failed", "input_tokens": 3, "output_tokens": None,
            "usage_state": "estimated", "first_chunk_s": 0.25,
        }  # fmt: skip
        return dict.fromkeys(inference_ids, call)


async def listed(books: Books, query: str = "", scope: str = "monitor") -> Any:
    app = make_app(MonitorSettings())
    unused: Any = None
    keys = KnownKey(Caller("acme", "k", frozenset({scope})))
    app.state.lists = ListsApi(books, keys, Lag(), unused, unused, unused)
    answer = await told(app, "GET", f"/api/inferences{query}")
    return answer.body | {"http": answer.status}


def row() -> Row:
    said = {"api_key_id": "k1", "session": "s1", "tags": {"team": "<b>"}, "operation_name": "chat"}
    word = settled(settlement="failed", error=failure("server_error", "boom"), attempts=2, model_served=None, **said)
    booked = fold([word]).inferences[INFERENCE]
    return booked | {"state": booked["settlement"], "place": Place(booked["settled_at"], INFERENCE)}


async def test_an_item_says_how_it_ended_who_asked_and_what_it_cost() -> None:
    books = Books(row())
    body = await listed(books, "?window=1d&state=failed&tag=team=%3Cb%3E")
    assert body["items"] == [
        {
            "inference_id": str(INFERENCE), "state": "failed", "operation": "chat",
            "accepted_at": "2026-11-23T12:00:00+00:00", "settled_at": "2026-11-23T12:00:03+00:00", "duration_s": 3.0,
            "model_requested": None, "model_served": None, "attempts": 2, "error_type": "server_error",
            "first_chunk_s": 0.25, "usage": {"input_tokens": 3, "output_tokens": None, "state": "estimated"},
            "cost_usd": 0.5, "key": "k1", "session": "s1", "tags": {"team": "<b>"},
        }
    ]  # fmt: skip
    assert (body["next_cursor"], body["looked_to"]) == (None, body["from"])
    assert body["as_of"] == body["to"]
    assert body["lag_s"] >= 0
    [(tenant, since, before, filters, most)] = books.asked
    assert (tenant, filters, most) == ("acme", Filters(state="failed", tags=(("team", "<b>"),)), 51)
    assert before.at - since == timedelta(days=1)


async def test_the_next_page_goes_on_in_the_same_range() -> None:
    reached = Place(NOW, INFERENCE)
    first = await listed(Books(looked_to=reached), "?window=1d")
    assert (first["items"], first["looked_to"]) == ([], NOW.isoformat())
    books = Books()
    second = await listed(books, f"?window=1d&cursor={first['next_cursor']}&limit=7")
    assert [second[name] for name in ("from", "to")] == [first[name] for name in ("from", "to")]
    assert books.asked[0][2:] == (reached, Filters(), 8)
    other = await listed(Books(), f"?window=2d&cursor={first['next_cursor']}")
    assert (other["http"], other["code"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "query", ["?state=done", "?limit=0", "?cursor=x", "?window=2h&to=2026-11-23", "?from=2999-01-01"]
)
async def test_what_cannot_be_is_refused_with_what_can(query: str) -> None:
    body = await listed(Books(), query)
    assert (body["http"], body["code"]) == (400, "invalid_request")
    assert body["tips"]


async def test_it_asks_for_the_scope_monitor_and_for_no_time_to_come() -> None:
    assert (await listed(Books(), scope="inference"))["http"] == 403
    ahead = (utc_now() + timedelta(days=9)).date()
    body = await listed(Books(), f"?from={utc_now().date()}&to={ahead}")
    assert body["to"] == body["as_of"]
