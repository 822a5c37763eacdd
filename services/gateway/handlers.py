"""Events that the gateway stores: results of inferences, and progress and outcomes of feature jobs."""

from collections.abc import Sequence
from datetime import timedelta

from services.gateway.feature_jobs.store import FeatureStore
from shared.events import FeatureEvent, InferenceEvent, utc_now
from shared.events.topics import FEATURE_OUTCOMES, FEATURE_PROGRESS, RESULTS
from shared.inferences import InferenceStore
from shared.inferences.store import StoredResult
from shared.kafka import ConsumerRecord
from shared.kafka.keeper import Heard, Keeper, KeptOffsets
from shared.kafka.publisher import Publisher


def result_keeper(
    store: InferenceStore, publisher: Publisher, offsets: KeptOffsets, kept_for: timedelta
) -> Keeper[InferenceEvent]:
    async def keep(heard: Sequence[Heard[InferenceEvent]]) -> None:
        now = utc_now()
        await store.add_results([_stored(record, event) for record, event in heard], now, now + kept_for)

    return Keeper((RESULTS,), InferenceEvent, keep, publisher, offsets)


def _stored(record: ConsumerRecord, event: InferenceEvent) -> StoredResult:
    return StoredResult(event.inference_id, event.tenant_id, event.ce_type, record.value)


def feature_keeper(store: FeatureStore, publisher: Publisher, offsets: KeptOffsets) -> Keeper[FeatureEvent]:
    async def keep(heard: Sequence[Heard[FeatureEvent]]) -> None:
        await store.keep([message.event for message in heard])

    return Keeper((FEATURE_PROGRESS, FEATURE_OUTCOMES), FeatureEvent, keep, publisher, offsets)
