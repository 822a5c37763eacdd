"""Jobs from Kafka. A job is a row in the database before its offset is committed, so that no crash loses it."""

from collections.abc import Sequence

from services.features.store import FeaturesStore
from services.features.worker import Worker
from shared.events import FeatureRequested
from shared.events.envelope import context_in
from shared.events.topics import FEATURE_REQUESTS
from shared.kafka import ConsumerRecord
from shared.kafka.keeper import Heard, Keeper, KeptOffsets
from shared.kafka.publisher import Publisher


class RequestHandler:
    def __init__(self, store: FeaturesStore, publisher: Publisher, offsets: KeptOffsets, worker: Worker) -> None:
        self._store = store
        self._worker = worker
        self.keeper = Keeper((FEATURE_REQUESTS,), FeatureRequested, self._keep, publisher, offsets)

    async def on_feature_requested(self, record: ConsumerRecord) -> None:
        """Raises DeadLetterLimitError, as the keeper does."""
        await self.keeper.on_batch([record])

    async def _keep(self, heard: Sequence[Heard[FeatureRequested]]) -> None:
        for record, request in heard:
            traceparent = context_in(record.headers)
            await self._store.add_job(
                request.feature_id, request.tenant_id, record.value, traceparent, request.accepted_at,
                request.expires_at,
            )  # fmt: skip
        self._worker.leases.wake()
