"""What the gateway hears on Kafka: replies, results that are to be kept, and what features workers say."""

from collections.abc import Sequence

import structlog
from opentelemetry.trace import SpanKind

from services.gateway.feature_jobs.store import FeatureStore
from services.gateway.inference.pending import Pending
from services.gateway.inference.store import InferenceStore, StoredResult
from shared.events import FeatureEvent, InferenceEvent, ReplyCompleted, ReplyFailed, utc_now
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import header
from shared.events.topics import FEATURE_OUTCOMES, FEATURE_PROGRESS, REPLIES, RESULTS
from shared.kafka import ConsumerRecord
from shared.kafka.keeper import Heard, Keeper
from shared.kafka.publisher import Publisher
from shared.telemetry import names
from shared.telemetry.traces import TRACEPARENT, tracing

logger = structlog.get_logger(__name__)


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


def result_keeper(store: InferenceStore, publisher: Publisher) -> Keeper[InferenceEvent]:
    async def keep(heard: Sequence[Heard[InferenceEvent]]) -> None:
        await store.add_results([_stored(*one) for one in heard], utc_now())

    return Keeper((RESULTS,), InferenceEvent, keep, publisher)


def _stored(record: ConsumerRecord, event: InferenceEvent) -> StoredResult:
    return StoredResult(event.inference_id, event.tenant_id, event.ce_type, record.value)


def feature_keeper(store: FeatureStore, publisher: Publisher) -> Keeper[FeatureEvent]:
    async def keep(heard: Sequence[Heard[FeatureEvent]]) -> None:
        await store.keep([one.event for one in heard])

    return Keeper((FEATURE_PROGRESS, FEATURE_OUTCOMES), FeatureEvent, keep, publisher)
