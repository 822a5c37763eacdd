"""What the gateway hears on Kafka: replies, and results that are to be kept."""

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog
from aiokafka import ConsumerRecord
from opentelemetry.trace import SpanKind

from services.gateway.pending import Pending
from services.gateway.store import WAITABLE, GatewayStore, StoredResult
from shared.events import InferenceEvent, ReplyCompleted, ReplyFailed, utc_now
from shared.events.batches import commit_if_ours, next_offsets
from shared.events.codec import UnreadableMessageError, decode
from shared.events.dead_letter_limit import DeadLetterLimitError
from shared.events.dead_letters import dead_letter
from shared.events.envelope import header
from shared.events.publisher import Publisher
from shared.events.topics import REPLIES, RESULTS
from shared.telemetry import names
from shared.telemetry.traces import TRACEPARENT, tracing

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5


class ReplyHandler:
    def __init__(self, pending: Pending) -> None:
        self._pending = pending

    def on_reply(self, record: ConsumerRecord) -> None:
        """Others share the partition: what nobody waits for here is not even decoded."""
        if not self._pending.is_expected(record.key):
            return
        traced = tracing.start(f"{names.PROCESS} {REPLIES.name}", SpanKind.CONSUMER,
                               header(record.headers, TRACEPARENT) if tracing.enabled else None)  # fmt: skip
        try:
            reply = decode(REPLIES, record.headers, record.value)
        except UnreadableMessageError as error:
            logger.warning("reply.unreadable", reason=str(error), partition=record.partition, offset=record.offset)
            traced.fail("bad_response")
            return
        finally:
            traced.end()
        if isinstance(reply, ReplyCompleted | ReplyFailed):
            self._pending.resolve(reply)


class ResultHandler:
    """Stores results; offsets are committed after the transaction."""

    def __init__(self, store: GatewayStore, publisher: Publisher) -> None:
        self._store = store
        self._publisher = publisher
        self._consumer: Any = None
        self._ready = asyncio.Event()

    def start(self, consumer: Any) -> None:
        self._consumer = consumer
        self._ready.set()

    async def on_batch(self, records: Sequence[ConsumerRecord]) -> None:
        await self._ready.wait()
        results: list[StoredResult] = []
        limit_reached: DeadLetterLimitError | None = None
        for number, record in enumerate(records):
            try:
                results += await self._stored(record)
            except DeadLetterLimitError as error:
                records, limit_reached = records[:number], error
                break
        if results:
            await self._store_all(results)
        await commit_if_ours(self._consumer, next_offsets(records))
        if limit_reached is not None:
            raise limit_reached

    async def _stored(self, record: ConsumerRecord) -> list[StoredResult]:
        """What is to be stored of the record; nothing when it cannot be read: it is then a dead letter."""
        try:
            event = decode(RESULTS, record.headers, record.value)
        except UnreadableMessageError as error:
            await dead_letter(self._publisher, record, "invalid_request", str(error))
            return []
        if not isinstance(event, InferenceEvent):
            return []
        return [StoredResult(event.inference_id, event.tenant_id, event.ce_type, record.value)]

    async def _store_all(self, results: Sequence[StoredResult]) -> None:
        """Waits for the database as long as it takes: the results are safe in Kafka."""
        while True:
            try:
                await self._store.add_results(results, utc_now())
            except WAITABLE as error:
                logger.warning("results.waiting", reason=type(error).__name__, results=len(results))
                await asyncio.sleep(_RETRY_S)
            else:
                return
