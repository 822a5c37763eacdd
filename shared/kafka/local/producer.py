"""Records on their way to the broker in memory."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata

from shared.events.topics import MAX_DEAD_LETTER_BYTES
from shared.kafka.local.faults import Produce
from shared.kafka.local.logs import Headers, size_of
from shared.kafka.local.process import Process


class LocalProducer:
    def __init__(self, process: Process) -> None:
        self._process = process
        self._cluster = process.cluster
        # What is sent first to a partition lies there first, however long its way takes.
        self._lines: defaultdict[TopicPartition, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._on_their_way: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self._process.pause(0)

    async def stop(self) -> None:
        await asyncio.gather(*self._on_their_way)

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        *,
        headers: Sequence[tuple[str, bytes | None]] | None = None,
    ) -> "asyncio.Future[RecordMetadata]":
        """Raises UnknownTopicOrPartitionError, MessageSizeTooLargeError; AssertionError for neither key nor value."""
        if value is None and key is None:
            raise AssertionError("Need at least one: key or value")
        kept = tuple(headers or ())
        if size_of(key, value, kept) > MAX_DEAD_LETTER_BYTES:
            raise MessageSizeTooLargeError(f"the client sends {MAX_DEAD_LETTER_BYTES} bytes at most")
        place = self._cluster.partition_for(topic, key) if partition is None else TopicPartition(topic, partition)
        self._cluster.log(place)
        acked: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        task = self._process.send(self._carry(place, value, key, kept, acked))
        self._on_their_way.add(task)
        task.add_done_callback(self._on_their_way.discard)
        return acked

    async def _carry(
        self,
        place: TopicPartition,
        value: bytes | None,
        key: bytes | None,
        headers: Headers,
        acked: "asyncio.Future[RecordMetadata]",
    ) -> None:
        append = partial(self._append, place, value, key, headers)
        try:
            async with self._lines[place]:
                placed = await self._process.perform(Produce(self._process.name, place, key, value), append)
        except KafkaError as error:
            if not acked.done():
                acked.set_exception(error)
                acked.exception()  # nobody may ask: whoever sent several hears of the first that failed
        else:
            if not acked.done():
                acked.set_result(placed)

    def _append(
        self, place: TopicPartition, value: bytes | None, key: bytes | None, headers: Headers
    ) -> RecordMetadata:
        return self._cluster.log(place).append(key, value, headers, int(self._cluster.now() * 1000))
