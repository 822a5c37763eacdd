"""What the worker hears on Kafka: jobs. They are in the database before their offset is committed."""

import asyncio
from typing import Any

import structlog
from aiokafka import ConsumerRecord

from services.features.store import WAITABLE, FeaturesStore
from services.features.worker import Worker
from shared.events import FeatureRequested
from shared.events.batches import commit_if_ours, next_offsets
from shared.events.codec import UnreadableMessageError, decode
from shared.events.dead_letters import dead_letter
from shared.events.envelope import header
from shared.events.publisher import Publisher
from shared.events.topics import FEATURE_REQUESTS
from shared.telemetry.traces import TRACEPARENT, valid_traceparent

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5


class RequestHandler:
    def __init__(self, store: FeaturesStore, publisher: Publisher, worker: Worker) -> None:
        self._store = store
        self._publisher = publisher
        self._worker = worker
        self._consumer: Any = None
        self._ready = asyncio.Event()

    def start(self, consumer: Any) -> None:
        self._consumer = consumer
        self._ready.set()

    async def on_feature_requested(self, record: ConsumerRecord) -> None:
        await self._ready.wait()
        try:
            request = decode(FEATURE_REQUESTS, record.headers, record.value)
        except UnreadableMessageError as error:
            await dead_letter(self._publisher, record, "invalid_request", str(error))
        else:
            if isinstance(request, FeatureRequested):
                await self._keep(request, record)
                self._worker.job_came()
        await commit_if_ours(self._consumer, next_offsets([record]))

    async def _keep(self, request: FeatureRequested, record: ConsumerRecord) -> None:
        """Waits for the database as long as it takes: the job is safe in Kafka."""
        traceparent = valid_traceparent(header(record.headers, TRACEPARENT))
        while True:
            try:
                await self._store.add_job(
                    request.feature_id, request.tenant_id, record.value, traceparent, request.accepted_at,
                    request.expires_at,
                )  # fmt: skip
            except WAITABLE as error:
                logger.warning("job.waiting", reason=type(error).__name__)
                await asyncio.sleep(_RETRY_S)
            else:
                return
