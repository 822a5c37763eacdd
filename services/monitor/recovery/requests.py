"""Read a request again from its partition and offset on the topic."""

import asyncio

import structlog

from services.monitor.recovery.orphans import Orphan
from shared.events import InferenceRequested
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import header
from shared.events.topics import REQUESTS
from shared.kafka import OffsetOutOfRangeError, TopicPartition
from shared.kafka.broker import Broker
from shared.telemetry.traces import TRACEPARENT, valid_traceparent

logger = structlog.get_logger(__name__)

_READ_S = 5.0


class RequestReader:
    def __init__(self, broker: Broker) -> None:
        self._consumer = broker.consumer(reset="none")

    async def start(self) -> None:
        await self._consumer.start()

    async def stop(self) -> None:
        await self._consumer.stop()

    async def read(self, orphan: Orphan) -> tuple[InferenceRequested, str | None] | None:
        """The request of an inference and its traceparent; None when it is not there any more.
        Raises KafkaError, TimeoutError."""
        partition = TopicPartition(REQUESTS.name, orphan.request_partition)
        self._consumer.assign([partition])
        self._consumer.seek(partition, orphan.request_offset)
        try:
            async with asyncio.timeout(_READ_S):
                record = await self._consumer.getone(partition)
            request = decode(REQUESTS, record.headers, record.value)
        except (OffsetOutOfRangeError, UnreadableMessageError) as error:
            logger.warning("request.gone", inference_id=str(orphan.inference_id), reason=type(error).__name__)
            return None
        if isinstance(request, InferenceRequested) and request.inference_id == orphan.inference_id:
            return request, valid_traceparent(header(record.headers, TRACEPARENT))
        return None
