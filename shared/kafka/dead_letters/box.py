"""The dead letters on the broker: counted, read, and published again where they came from."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import NamedTuple

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.structs import RecordMetadata

from shared.errors import TallygateError
from shared.events.topics import Topic
from shared.kafka.admin import connected_admin
from shared.kafka.broker import Admin, Broker, Consumer
from shared.kafka.dead_letters.letter import DeadLetter, DeadLetterId
from shared.kafka.failures import RETRYABLE, KafkaError, described
from shared.kafka.partitions import partitions_of
from shared.kafka.publisher import Publisher

GROUP = "tallygate-dlq"  # its offsets: up to where all dead letters have been replayed
_SILENCE_MS = 15_000  # the broker has what is asked for, so silence for this long is a failure
_FETCH_MAX_WAIT_MS = 10  # what else is asked of the broker waits behind a fetch that finds nothing more

Replayed = tuple[DeadLetter, RecordMetadata]


class DeadLetterBox:
    def __init__(self, consumer: Consumer, publisher: Publisher, partitions: dict[str, int]) -> None:
        self._consumer = consumer
        self._publisher = publisher
        self._partitions = partitions  # by topic, how many

    async def count(self, source: Topic) -> int:
        return sum(end - start for start, end in (await self._kept(source.dlq)).values())

    async def newest(self, source: Topic, most: int) -> list[DeadLetter]:
        """Without their bodies, which may be megabytes each."""
        kept = await self._kept(source.dlq)
        found = [
            DeadLetter.of(record).without_body
            for partition, (start, end) in kept.items()
            async for record in self._read(partition, max(start, end - most), end)
        ]
        return sorted(found, key=lambda letter: (letter.at, letter.id), reverse=True)[:most]

    async def letter(self, wanted: DeadLetterId) -> DeadLetter:
        """Raises TallygateError `invalid_request` when there is none of that id, or none any more."""
        start, end = (await self._kept(wanted.topic)).get(TopicPartition(wanted.topic, wanted.partition), (0, 0))
        if start <= wanted.offset < end:
            async for record in self._read(TopicPartition(wanted.topic, wanted.partition), wanted.offset, end):
                if record.offset == wanted.offset:
                    return DeadLetter.of(record)
                break
        tips = ("Dead letters are kept for 14 days; list them: tallygate dlq list",)
        raise TallygateError("invalid_request", f"there is no dead letter {wanted}", tips=tips)

    async def count_new(self, source: Topic) -> int:
        return sum(end - start for start, end in (await self._new(source.dlq)).values())

    async def replay_new(self, source: Topic) -> AsyncGenerator[Replayed, None]:
        """Replays what has come since the last time. What fails again comes back as a new dead letter, and waits
        for the next time: the end is where it was at the beginning."""
        for partition, (start, end) in (await self._new(source.dlq)).items():
            async with aclosing(self._read(partition, start, end)) as records:
                async for record in records:
                    letter = DeadLetter.of(record)
                    placed = await self._replay(letter)
                    await self._consumer.commit({partition: record.offset + 1})
                    yield letter, placed

    async def replay(self, letters: Iterable[DeadLetter]) -> AsyncGenerator[Replayed, None]:
        """Publishes key, body and headers as they first came; yields each with where it lies, when that is acked."""
        for letter in letters:
            yield letter, await self._replay(letter)

    async def _replay(self, letter: DeadLetter) -> RecordMetadata:
        if letter.left_out is not None:
            detail = f"{letter.id} does not hold the whole message, which was too large: {letter.left_out}"
            raise TallygateError("invalid_request", detail, tips=("Have its sender send it again, and less in it.",))
        source, partition = letter.source.name, letter.source_partition
        if partition is not None and partition >= self._partitions.get(source, 0):
            partition = None
        try:
            return await self._publisher.send_raw(source, letter.body, letter.key, letter.replay_headers, partition)
        except RETRYABLE as error:
            detail = f"{letter.id} was not acknowledged: {described(error)}"
            raise TallygateError("unavailable", detail) from error

    async def _new(self, dlq: str) -> dict[TopicPartition, tuple[int, int]]:
        kept = await self._kept(dlq)
        done = {partition: await self._consumer.committed(partition) or 0 for partition in kept}
        return {partition: (min(end, max(start, done[partition])), end) for partition, (start, end) in kept.items()}

    async def _kept(self, dlq: str) -> dict[TopicPartition, tuple[int, int]]:
        """The first offset of each partition, and the one after the last."""
        if dlq not in self._partitions:
            tips = ("Create it: tallygate topics apply",)
            raise TallygateError("unavailable", f"the broker has no topic {dlq}", tips=tips)
        partitions = [TopicPartition(dlq, number) for number in range(self._partitions[dlq])]
        starts = await self._consumer.beginning_offsets(partitions)
        ends = await self._consumer.end_offsets(partitions)
        return {partition: (starts[partition], ends[partition]) for partition in partitions}

    async def _read(self, partition: TopicPartition, start: int, end: int) -> AsyncGenerator[ConsumerRecord, None]:
        if start >= end:
            return
        self._consumer.assign([partition])
        self._consumer.seek(partition, start)
        while await self._consumer.position(partition) < end:
            records = (await self._consumer.getmany(partition, timeout_ms=_SILENCE_MS)).get(partition)
            if not records:
                raise TallygateError("unavailable", f"the broker does not deliver {partition.topic}")
            for record in records:
                if record.offset < end:
                    yield record


@asynccontextmanager
async def open_dead_letters(broker: Broker) -> AsyncIterator[DeadLetterBox]:
    async with connected_admin(broker) as admin:
        partitions = await admin.topics()
    publisher = Publisher(broker, "tallygate/dlq")
    consumer = broker.consumer(group=GROUP, fetch_max_wait_ms=_FETCH_MAX_WAIT_MS)
    try:
        await publisher.start()
        await consumer.start()
        yield DeadLetterBox(consumer, publisher, partitions)
    except KafkaError as error:
        raise TallygateError("unavailable", f"the broker did not answer: {described(error)}") from error
    finally:
        await asyncio.gather(consumer.stop(), publisher.stop())


class LetterCount(NamedTuple):
    """Of one dead-letter topic: how many are kept, and how many of them have come since a time."""

    kept: int
    recent: int


async def counts(admin: Admin, consumer: Consumer, dlqs: Sequence[str], since_s: float) -> dict[str, LetterCount]:
    """By dead-letter topic. since_s: in seconds since 1970."""
    partitions = await partitions_of(admin, *dlqs)
    starts = await consumer.beginning_offsets(partitions)
    ends = await consumer.end_offsets(partitions)
    firsts = await consumer.offsets_for_times(dict.fromkeys(partitions, int(since_s * 1000)))
    recent = {tp: max(0, ends[tp] - first.offset) if (first := firsts.get(tp)) else 0 for tp in partitions}
    return {
        dlq: LetterCount(
            sum(ends[tp] - starts[tp] for tp in partitions if tp.topic == dlq),
            sum(recent[tp] for tp in partitions if tp.topic == dlq),
        )
        for dlq in dlqs
    }


async def count_since(broker: Broker, dlq: str, since_s: float) -> int:
    """How many dead letters have come since then."""
    admin, consumer = broker.admin(), broker.consumer()
    try:
        await admin.start()
        await consumer.start()
        return (await counts(admin, consumer, [dlq], since_s))[dlq].recent
    finally:
        await consumer.stop()
        await admin.stop()
