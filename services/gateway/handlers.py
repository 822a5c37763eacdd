"""What the gateway hears on Kafka: replies."""

import structlog
from aiokafka import ConsumerRecord
from opentelemetry.trace import SpanKind

from services.gateway.pending import Pending
from shared.events import ReplyCompleted, ReplyFailed
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import header
from shared.events.topics import REPLIES
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
