"""From events to deliveries in the database, before their offsets are committed: no crash loses one.

Storing an event twice changes nothing: the id of a delivery is made of its webhook and of what happened.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial

import structlog

from services.jobs import instruments
from services.jobs.webhooks.facts import Fact, budget_fact, deliveries, fact_of, wants
from shared.events import Event, FeatureSettled, InferenceSettled, ModelHealthChanged, TenantSpent
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import CE_TYPE, header
from shared.events.topics import FEATURE_OUTCOMES, MODEL_HEALTH, OUTCOMES, SPENDING, Topic
from shared.kafka import ConsumerRecord
from shared.kafka.keeper import Heard, Keeper, KeptOffsets
from shared.kafka.publisher import Publisher
from shared.registry.store import TenantRows
from shared.selection.budgets import reached
from shared.webhooks.store import DeliveryStore

logger = structlog.get_logger(__name__)

# Of the topics that are read, the events that anybody is told of; others are not even decoded.
_HEARD: dict[Topic, type[Event]] = {
    OUTCOMES: InferenceSettled,
    FEATURE_OUTCOMES: FeatureSettled,
    MODEL_HEALTH: ModelHealthChanged,
    SPENDING: TenantSpent,
}

TenantOf = Callable[[str], Awaitable[TenantRows]]


class Keeping:
    """tenant_of: the terms of a tenant, whose budgets may be used up. wake: there may be something to deliver."""

    def __init__(
        self, store: DeliveryStore, tenant_of: TenantOf, wake: Callable[[], None], publisher: Publisher,
        offsets: KeptOffsets,
    ) -> None:  # fmt: skip
        self._store = store
        self._tenant_of = tenant_of
        self._wake = wake
        # Dead letters of these topics are made by who keeps the books of them.
        reads = {topic: partial(_read, topic, kind) for topic, kind in _HEARD.items()}
        self.keeper: Keeper[Event] = Keeper((), Event, self._keep, publisher, offsets, reads)

    async def _keep(self, heard: Sequence[Heard[Event]]) -> None:
        events = [message.event for message in heard]
        facts = [fact for event in events if (fact := fact_of(event)) is not None]
        spent = {event.tenant_id: event for event in events if isinstance(event, TenantSpent)}
        tenants = {fact.tenant_id for fact in facts} | spent.keys()
        subscribers = await self._store.subscribers(tenants) if tenants else []
        watched = [spent[tenant] for tenant in wants(subscribers, "budget.reached") & spent.keys()]
        facts += [fact for word in watched for fact in await self._budgets(word)]
        new = deliveries(facts, subscribers)
        if not new:
            return
        added = await self._store.add(new)
        instruments.webhook_events.labels("kept").inc(added.added)
        if added.dropped:
            instruments.webhook_events.labels("dropped").inc(added.dropped)
            logger.warning("webhooks.dropped", events=added.dropped)
        self._wake()

    async def _budgets(self, spent: TenantSpent) -> Collection[Fact]:
        tenant = await self._tenant_of(spent.tenant_id)
        if not tenant.readable:  # what it may spend is not known here
            return ()
        return [budget_fact(spent.tenant_id, budget) for budget in reached(tenant.terms, spent)]


def _read(topic: Topic, kind: type[Event], record: ConsumerRecord) -> Event | None:
    if len(topic.events) > 1 and header(record.headers, CE_TYPE) != kind.ce_type:
        return None
    try:
        return decode(topic, record.headers, record.value)
    except UnreadableMessageError:
        return None
