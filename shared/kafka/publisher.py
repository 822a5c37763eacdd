"""Publish events: acked by all in-sync replicas, within a time limit, each with a `send` span."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import structlog
from aiokafka.structs import RecordMetadata
from opentelemetry.trace import SpanKind

from shared.clock import utc_now
from shared.errors import TallygateError
from shared.events.envelope import Event, InferenceEvent
from shared.events.topics import MAX_EVENT_BYTES, Topic
from shared.kafka.broker import Broker, Producer
from shared.kafka.dead_letter_limit import DeadLetterLimit
from shared.kafka.failures import BAD_RECORD, RETRYABLE, TOO_LARGE, described
from shared.telemetry import names
from shared.telemetry.traces import tracing

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5
_LATE_S = 0.25  # an ack that takes longer; on a busy machine a broker that is there takes a tenth of it
_LATELY_S = 5.0
_ALWAYS_FITS_BYTES = 16 * 1024  # nearly every event; a topic that has no room for these is to be mended


class UnpublishableError(TallygateError):
    """One of the events can never be published as it is: `payload_too_large`, or `internal` for another reason."""

    @classmethod
    def too_large(cls, event: Event, size: int) -> "UnpublishableError":
        return cls("payload_too_large", f"{type(event).__name__} has {size} bytes, of {MAX_EVENT_BYTES} at most")

    @classmethod
    def refused(cls, error: Exception) -> "UnpublishableError":
        too_large = isinstance(error, TOO_LARGE)
        return cls("payload_too_large" if too_large else "internal", f"the broker refuses it: {type(error).__name__}")


class Outgoing(NamedTuple):
    """One event on its way: where to, and below which span."""

    topic: Topic
    event: Event
    traceparent: str | None = None
    partition: int | None = None


class Publisher:
    """One producer a process."""

    def __init__(self, broker: Broker, source: str) -> None:
        self.broker = broker
        self._timeout_s = broker.settings.publish_timeout_s
        self.source = source
        self._producer: Producer | None = None
        self.dead_letter_limit = DeadLetterLimit(broker.settings.dead_letters_per_minute)
        self.failing_since: float | None = None  # loop time of the first failure since the last ack
        self.failing_because = ""  # the last failure, with what mends it
        self._unacked: dict[object, float] = {}  # when each publish began, the oldest first
        self._late_at = -_LATELY_S  # when an ack was last seen to be late, or refused

    async def start(self) -> None:
        self._producer = self.broker.producer()
        await self._producer.start()

    async def stop(self) -> None:
        if self._producer is not None:
            await self._producer.stop()

    @property
    def acks_are_late(self) -> bool:
        """Whether an ack is waited for, or was in the last seconds, for longer than a broker that is there takes, or
        did not come."""
        now = asyncio.get_running_loop().time()
        if now - next(iter(self._unacked.values()), now) > _LATE_S:
            self._late_at = now
        return now - self._late_at < _LATELY_S

    async def publish(self, *outgoing: Outgoing) -> None:
        """Returns when every event is acked. Raises TallygateError `unavailable` when one is not, in time, and
        UnpublishableError when one never will be; nothing has been sent when it is too large."""
        loop = asyncio.get_running_loop()
        bodies = [_body(message) for message in outgoing]
        publishing, began_at = object(), loop.time()
        self._unacked[publishing] = began_at
        try:
            async with asyncio.timeout(self._timeout_s):
                futures = [await self._send(message, body) for message, body in zip(outgoing, bodies, strict=True)]
                for future in futures:
                    await future
        except RETRYABLE as error:
            if isinstance(error, BAD_RECORD) and not _is_of_the_topic(error, bodies):
                raise UnpublishableError.refused(error) from error
            self.failing_since = self.failing_since or loop.time()
            self.failing_because = described(error)
            self._late_at = loop.time()
            raise TallygateError(
                "unavailable", f"the broker did not acknowledge: {self.failing_because}", retry_after_s=2.0
            ) from error
        finally:
            del self._unacked[publishing]
            if loop.time() - began_at > _LATE_S:
                self._late_at = loop.time()
        self.failing_since = None

    async def publish_until_acked(self, *outgoing: Outgoing, until: datetime | None = None) -> None:
        """As `publish`, repeated until all are acked: for events that must be on record before the caller goes on.

        A publish that timed out may have reached the topic, so the repetition may put an event there twice. It
        carries the same event id, and readers count it once.

        Raises TallygateError `unavailable` when `until` has passed, and UnpublishableError at once.
        """
        while True:
            try:
                await self.publish(*outgoing)
            except UnpublishableError:
                raise
            except TallygateError as error:
                if until is not None and utc_now() >= until:
                    raise
                logger.warning("publish.not_acked", reason=error.failure.detail, events=len(outgoing))
                await asyncio.sleep(_RETRY_S)
            else:
                return

    async def send_raw(
        self,
        topic: str,
        body: bytes | None,
        key: bytes | None,
        headers: Iterable[tuple[str, bytes | None]],
        partition: int | None = None,
    ) -> RecordMetadata:
        """Bytes as they are, for dead letters; returns where they lie, when they are acked."""
        async with asyncio.timeout(self._timeout_s):
            return await (await self._started().send(topic, body, key, partition, headers=list(headers)))

    async def _send(self, outgoing: Outgoing, body: bytes) -> asyncio.Future[RecordMetadata]:
        topic, event, traceparent, partition = outgoing
        traced = tracing.start(f"{names.SEND} {topic.name}", SpanKind.PRODUCER, traceparent,
                               _attributes(outgoing) if tracing.enabled else None)  # fmt: skip
        future = await self._started().send(
            topic.name,
            body,
            event.key,
            partition,
            headers=event.headers(self.source, traced.traceparent),
        )
        if tracing.enabled:
            future.add_done_callback(lambda _: traced.end())
        return future

    def _started(self) -> Producer:
        if self._producer is None:
            raise RuntimeError("the publisher has not been started")
        return self._producer


def _body(outgoing: Outgoing) -> bytes:
    """Raises UnpublishableError."""
    topic, event, _, partition = outgoing
    body = event.encoded()
    if len(body) > MAX_EVENT_BYTES:
        raise UnpublishableError.too_large(event, len(body))
    if partition is not None and not 0 <= partition < topic.partitions:
        raise UnpublishableError("internal", f"{topic.name} has no partition {partition}")
    return body


def _is_of_the_topic(error: Exception, bodies: Sequence[bytes]) -> bool:
    """Not the event is too large, but the topic's limit too small, or the batch that the client made of many events."""
    return isinstance(error, TOO_LARGE) and max(map(len, bodies)) <= _ALWAYS_FITS_BYTES


def _attributes(outgoing: Outgoing) -> dict[str, Any]:
    return {
        names.MESSAGING_SYSTEM: "kafka",
        names.MESSAGING_OPERATION_TYPE: "send",
        names.MESSAGING_OPERATION_NAME: names.SEND,
        names.MESSAGING_DESTINATION: outgoing.topic.name,
        names.MESSAGING_PARTITION: None if outgoing.partition is None else str(outgoing.partition),
        names.MESSAGING_MESSAGE_ID: str(outgoing.event.event_id),
        names.INFERENCE_ID: outgoing.event.subject if isinstance(outgoing.event, InferenceEvent) else None,
    }
