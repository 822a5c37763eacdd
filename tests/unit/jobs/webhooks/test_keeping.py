"""From records of topics to deliveries."""

from collections.abc import Collection, Sequence
from typing import Any, cast

from services.jobs.webhooks.keeping import Keeping
from shared.events import Event, new_id
from shared.events.topics import OUTCOMES, SPENDING, Topic
from shared.kafka import ConsumerRecord
from shared.registry import Terms
from shared.registry.store import TenantRows
from shared.webhooks.store import Added, DeliveryStore, NewDelivery, Subscriber
from tests.unit.jobs.webhooks.test_facts import settled, spent
from tests.unit.shared.events.samples import NOW, ended


class Store:
    def __init__(self, *events: str) -> None:
        self.hook = Subscriber(new_id(), "acme", events, NOW)
        self.asked: list[set[str]] = []
        self.added: list[NewDelivery] = []

    async def subscribers(self, tenants: Collection[str]) -> list[Subscriber]:
        self.asked.append(set(tenants))
        return [self.hook]

    async def add(self, new: Sequence[NewDelivery]) -> Added:
        self.added += new
        return Added(len(new), 0)


class _Nothing:
    """Offsets and a consumer of which nothing is asked."""

    async def advance(self, _: Any) -> None: ...

    async def commit(self, _: Any) -> None: ...

    def assignment(self) -> set[Any]:
        return set()


def record(topic: Topic, event: Event, offset: int = 0) -> ConsumerRecord:
    headers = tuple(event.headers("tallygate/test", None))
    return ConsumerRecord(topic.name, 0, offset, 0, 0, b"", event.encoded(), None, 0, 0, headers)


async def keep(store: Store, *records: ConsumerRecord, terms: Terms = Terms(), readable: bool = True) -> int:  # noqa: B008
    """How often it said that there is something to deliver."""
    woken: list[None] = []

    async def tenant_of(_: str) -> TenantRows:
        return TenantRows(terms=terms, readable=readable)

    nothing: Any = _Nothing()
    keeping = Keeping(cast(DeliveryStore, store), tenant_of, lambda: woken.append(None), nothing, nothing)
    keeping.keeper.start(nothing)
    await keeping.keeper.on_batch(records)
    return len(woken)


async def test_settlements_become_deliveries_and_what_nobody_is_told_of_is_not_even_asked_for() -> None:
    store = Store("inference.settled")

    assert await keep(store, record(OUTCOMES, settled()), record(OUTCOMES, ended(), 1)) == 1
    assert [one.type for one in store.added] == ["inference.settled"]

    assert await keep(store, record(OUTCOMES, ended())) == 0
    assert store.asked == [{"acme"}]


async def test_what_cannot_be_read_is_left_to_who_keeps_the_books() -> None:
    store, whole = Store("inference.settled"), record(OUTCOMES, settled(), 1)
    broken = ConsumerRecord(OUTCOMES.name, 0, 0, 0, 0, b"", b"{", None, 0, 0, whole.headers)

    assert await keep(store, broken, whole) == 1
    assert len(store.added) == 1


async def test_a_budget_that_is_used_up_is_told_of() -> None:
    def word(usd: float) -> ConsumerRecord:
        return record(SPENDING, spent(usd_day=usd))

    store, terms = Store("budget.reached"), Terms(usd_per_day=1)
    assert await keep(store, word(0.5), terms=terms) == 0
    assert await keep(store, word(1.0), terms=terms, readable=False) == 0
    assert await keep(store, word(1.0), terms=terms) == 1
