"""GET /api/inferences/{id} knows what was said before it was asked."""

from typing import Any
from uuid import UUID

import pytest

from services.monitor.app import make_app
from services.monitor.books.books import Accepted, fold
from services.monitor.books.lag import Lag
from services.monitor.routes import MonitorApi, Stores
from services.monitor.settings import MonitorSettings
from services.monitor.summary.store import Row, SummaryStore
from shared.access import Caller
from shared.kafka import KafkaError
from tests.support.gateway_app import KnownKey, told
from tests.support.memory.monitor import MonitorTables
from tests.unit.shared.events.samples import INFERENCE, NOW, requested, settled


class Books(SummaryStore):
    """What is on the topics is booked when somebody waits for it."""

    def __init__(self, *on_the_topics: Any, broker_is_there: bool = True) -> None:
        self.tables = MonitorTables()
        self.on_the_topics = on_the_topics
        self.waited = 0
        self.broker_is_there = broker_is_there

    async def inference(self, _tenant_id: str, inference_id: UUID) -> tuple[Row, list[Row]] | None:
        row = self.tables.inferences.get(inference_id)
        return None if row is None else (row, [])

    async def caught_up(self, _within_s: float) -> None:
        self.waited += 1
        if not self.broker_is_there:
            raise KafkaError
        self.tables.book(fold(self.on_the_topics), NOW)


async def timeline_of(books: Books) -> tuple[int, str | None]:
    """Status and state."""
    nothing: Any = None
    app = make_app(MonitorSettings())
    keys = KnownKey(Caller("acme", "k", frozenset({"inference"})))
    app.state.api = MonitorApi(
        Stores(books, nothing, nothing, nothing, nothing, nothing), keys, Lag(), None, books.caught_up, nothing
    )
    answer = await told(app, "GET", f"/api/inferences/{INFERENCE}")
    return answer.status, answer.body.get("state")


_REQUESTED = Accepted(requested().accepted, 3, 7)


@pytest.mark.parametrize(
    ("said", "state"), [((_REQUESTED,), "accepted"), ((_REQUESTED, settled()), "completed")], ids=["asked", "answered"]
)
async def test_what_was_accepted_or_answered_a_moment_ago_is_known(said: tuple[Any, ...], state: str) -> None:
    assert await timeline_of(Books(*said)) == (200, state)


async def test_what_is_settled_in_the_books_is_told_without_a_wait() -> None:
    books = Books(settled())
    assert await timeline_of(books) == await timeline_of(books) == (200, "completed")
    assert books.waited == 1


async def test_without_a_broker_the_books_say_what_they_know() -> None:
    books = Books(broker_is_there=False)
    books.tables.book(fold([_REQUESTED]), NOW)
    assert await timeline_of(books) == (200, "accepted")
    assert await timeline_of(Books(broker_is_there=False)) == (404, None)
