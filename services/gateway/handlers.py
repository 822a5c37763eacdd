"""Events that the gateway stores: results of inferences, and progress and outcomes of feature jobs. And what it takes
of upstream services."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from services.gateway import instruments
from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.ingress.parts import Parts
from services.gateway.ingress.reading import Submission, read
from services.gateway.ingress.taking import Taking
from shared.events import FeatureEvent, InferenceEvent, utc_now
from shared.events.topics import FEATURE_OUTCOMES, FEATURE_PROGRESS, RESULTS, Topic
from shared.inferences import InferenceStore
from shared.inferences.store import StoredResult
from shared.kafka import ConsumerRecord
from shared.kafka.dead_letters.sending import count_from_zero
from shared.kafka.keeper import Heard, Keeper, KeptOffsets
from shared.kafka.publisher import Publisher
from shared.telemetry.instruments import begin_at_zero

Stored = Callable[[Sequence[UUID]], Awaitable[None]]


def result_keeper(
    store: InferenceStore, publisher: Publisher, offsets: KeptOffsets, kept_for: timedelta, stored: Stored | None = None
) -> Keeper[InferenceEvent]:
    """stored: called with the ids of inferences whose results are stored; until it returns, they are not committed."""

    async def keep(heard: Sequence[Heard[InferenceEvent]]) -> None:
        now = utc_now()
        await store.add_results([_stored(record, event) for record, event in heard], now, now + kept_for)
        if stored is not None:
            await stored([event.inference_id for _, event in heard])

    return Keeper((RESULTS,), InferenceEvent, keep, publisher, offsets)


def _stored(record: ConsumerRecord, event: InferenceEvent) -> StoredResult:
    return StoredResult(event.inference_id, event.tenant_id, event.ce_type, record.value)


def feature_keeper(store: FeatureStore, publisher: Publisher, offsets: KeptOffsets) -> Keeper[FeatureEvent]:
    async def keep(heard: Sequence[Heard[FeatureEvent]]) -> None:
        await store.keep([message.event for message in heard])

    return Keeper((FEATURE_PROGRESS, FEATURE_OUTCOMES), FeatureEvent, keep, publisher, offsets)


class HeldUp(Protocol):
    @property
    def held_up(self) -> str | None:
        """Why records wait; None while none does."""


@dataclass(frozen=True, slots=True)
class IngressReader:
    """What reads one ingress topic."""

    keeper: Keeper[Submission]
    taking: Taking

    @property
    def held_up(self) -> str | None:
        return self.keeper.held_up or self.taking.held_because


def ingress_reader(
    parts: Parts, topic: Topic, publisher: Publisher, offsets: KeptOffsets, wake: Callable[[], None]
) -> IngressReader:
    """Its dead letters are not the keeper's, which has a limit to them: who writes to the topic is no part of ours.
    wake: as of `Taking`."""
    count_from_zero(topic)
    begin_at_zero(instruments.ingress_requests, (topic.name, "taken"))
    taking = Taking(parts, topic.name, wake)
    keeper = Keeper((), Submission, taking.keep, publisher, offsets, {topic: read})
    instruments.ingress_age_seconds.labels(topic.name).set_function(taking.age_s)
    instruments.ingress_waiting.labels(topic.name).set_function(keeper.waiting)
    return IngressReader(keeper, taking)
