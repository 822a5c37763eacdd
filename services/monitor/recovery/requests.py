"""Read a request again from its partition and offset on the topic."""

import asyncio

import structlog

from services.monitor.recovery.orphans import Orphan
from shared.events import InferenceRequested
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import context_in
from shared.events.topics import request_place
from shared.kafka import OffsetOutOfRangeError, TopicPartition
from shared.kafka.broker import Broker, Consumer

logger = structlog.get_logger(__name__)

_READ_S = 5.0


_READERS = 8


class RequestReader:
    """Several may be read at once: a consumer reads one of them at a time, and a partition that hangs holds up one."""

    def __init__(self, broker: Broker, readers: int = _READERS) -> None:
        self._consumers = [broker.consumer(reset="none") for _ in range(readers)]
        self._free: asyncio.Queue[Consumer] = asyncio.Queue()

    async def start(self) -> None:
        for consumer in self._consumers:
            await consumer.start()
            self._free.put_nowait(consumer)

    async def stop(self) -> None:
        for consumer in self._consumers:
            await consumer.stop()

    async def read(self, orphan: Orphan) -> tuple[InferenceRequested, str | None] | None:
        """The request of an inference and its traceparent; None when it is not there any more.
        Raises KafkaError, TimeoutError."""
        consumer = await self._free.get()
        try:
            return await self._read(consumer, orphan)
        finally:
            self._free.put_nowait(consumer)

    async def _read(self, consumer: Consumer, orphan: Orphan) -> tuple[InferenceRequested, str | None] | None:
        topic, number = request_place(orphan.request_partition)
        partition = TopicPartition(topic.name, number)
        consumer.assign([partition])
        consumer.seek(partition, orphan.request_offset)
        try:
            async with asyncio.timeout(_READ_S):
                record = await consumer.getone(partition)
            request = decode(topic, record.headers, record.value)
        except (OffsetOutOfRangeError, UnreadableMessageError) as error:
            logger.warning("request.gone", inference_id=str(orphan.inference_id), reason=type(error).__name__)
            return None
        if isinstance(request, InferenceRequested) and request.inference_id == orphan.inference_id:
            return request, context_in(record.headers)
        return None
