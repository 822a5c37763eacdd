"""Whatever is wrong with a real broker: events wait for it. Whatever records hold: those beside them are kept."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.errors import TallygateError
from shared.events import InferenceEvent, new_id
from shared.events.topics import OUTCOMES, WantedTopic
from shared.kafka import ConsumerRecord, TopicPartition, subscriber
from shared.kafka.admin import connected_admin
from shared.kafka.broker import Broker
from shared.kafka.dead_letters.sending import send_to_dlq
from shared.kafka.keeper import Heard, Keeper
from shared.kafka.publisher import Outgoing, Publisher, UnpublishableError
from shared.kafka.real import RealBroker
from shared.kafka.settings import KafkaSettings
from tests.support.kafka import Kafka, running_kafka, send_changed
from tests.support.memory.read_offsets import MemoryReadOffsets
from tests.unit.shared.events.samples import settled

pytestmark = [pytest.mark.real_kafka, pytest.mark.timeout(120)]

COMES_BACK_WITHIN_S = 20.0
CONFIG = (("retention.ms", "86400000"),)


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with running_kafka(tmp_path_factory.mktemp("failing") / "kafka") as kafka:
        yield kafka


class Bench:
    """A keeper in a group of its own, on topics that are made anew."""

    def __init__(self, kafka: Kafka, stack: AsyncExitStack) -> None:
        self.kafka = kafka
        self._stack = stack
        settings = KafkaSettings(bootstrap_servers=kafka.servers, publish_timeout_s=3.0)
        self.broker: Broker = RealBroker(settings, stop=lambda: None)
        self.publisher = Publisher(self.broker, "test")
        self.kept: list[ConsumerRecord] = []
        self.group = f"g-{new_id()}"

    async def start(self, *, read_from: int = 1) -> None:
        await remade(self.broker, read_from)
        await self.publisher.start()
        self._stack.push_async_callback(self.publisher.stop)
        keeper = Keeper((OUTCOMES,), InferenceEvent, self._keep, self.publisher, MemoryReadOffsets())
        events = self.broker.subscribe((OUTCOMES,), self.group, keeper.on_batch, graceful_timeout_s=1, batch=100)
        keeper.start(await events.start())
        self._stack.push_async_callback(events.stop)
        watch = keeper.watch()
        await watch.start()
        self._stack.push_async_callback(watch.stop)

    async def producer(self, **options: Any) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.servers, max_request_size=500_000_000, **options)
        await producer.start()
        self._stack.push_async_callback(producer.stop)
        return producer

    async def publish(self, count: int) -> None:
        events = [settled(inference_id=new_id()) for _ in range(count)]
        await self.publisher.publish_until_acked(*(Outgoing(OUTCOMES, event) for event in events))

    async def until_kept(self, ids: int) -> None:
        async with asyncio.timeout(COMES_BACK_WITHIN_S):
            while len(self.ids) < ids:  # noqa: ASYNC110 - nothing signals it
                await asyncio.sleep(0.05)

    @property
    def ids(self) -> set[tuple[int, int]]:
        return {(record.partition, record.offset) for record in self.kept}

    async def dead_letters(self) -> int:
        consumer = self.broker.consumer()
        await consumer.start()
        try:
            ends = await consumer.end_offsets([TopicPartition(OUTCOMES.dlq, 0)])
        finally:
            await consumer.stop()
        return sum(ends.values())

    async def _keep(self, heard: Sequence[Heard[InferenceEvent]]) -> None:
        self.kept += [message.record for message in heard]


async def remade(broker: Broker, partitions: int) -> None:
    names = [OUTCOMES.name, OUTCOMES.dlq]
    async with administered(broker.settings.bootstrap_servers) as client:
        if await client.list_topics():
            await client.delete_topics([name for name in names if name in await client.list_topics()])
    async with connected_admin(broker) as admin, asyncio.timeout(10):
        while set(names) & set(await admin.topics()):  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.05)
        await admin.create([WantedTopic(name, partitions, CONFIG) for name in names])
        while not set(names) <= set(await admin.topics()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@asynccontextmanager
async def administered(servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def on_broker(scenario: Callable[[Bench], Any]) -> Callable[[Kafka], None]:
    def test(kafka: Kafka) -> None:
        async def run() -> None:
            async with AsyncExitStack() as stack:
                await scenario(Bench(kafka, stack))

        asyncio.run(run())

    test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
    return test


@on_broker
async def test_a_broker_that_sleeps_and_one_that_is_killed_are_waited_for(bench: Bench) -> None:
    await bench.start()
    await bench.publish(5)
    await bench.until_kept(5)

    with bench.kafka.frozen(), pytest.raises(TallygateError, match="did not acknowledge"):
        await bench.publisher.publish(Outgoing(OUTCOMES, settled(inference_id=new_id())))
    await bench.publish(5)
    await bench.until_kept(10)

    await asyncio.to_thread(bench.kafka.kill)
    restarted = asyncio.create_task(asyncio.to_thread(bench.kafka.start))
    await bench.publish(5)
    await restarted
    await bench.until_kept(15)
    assert await bench.dead_letters() == 0


def test_a_topic_that_is_made_anew_is_read_from_its_beginning(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "METADATA_MAX_AGE_MS", 1000)

    async def scenario(bench: Bench) -> None:
        await bench.start()
        await bench.publish(5)
        await bench.until_kept(5)
        bench.kept.clear()

        await remade(bench.broker, 1)
        await bench.publish(3)

        await bench.until_kept(3)
        assert await bench.dead_letters() == 0

    on_broker(scenario)(kafka)


def test_partitions_that_are_added_are_read(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscriber, "METADATA_MAX_AGE_MS", 1000)

    async def scenario(bench: Bench) -> None:
        await bench.start()
        await bench.publish(2)
        await bench.until_kept(2)
        async with administered(kafka.servers) as client:
            await client.create_partitions({OUTCOMES.name: NewPartitions(3)})
        producer = await bench.producer(metadata_max_age_ms=500)
        async with asyncio.timeout(10):
            while len(await producer.partitions_for(OUTCOMES.name)) < 3:  # noqa: ASYNC110 - nothing signals it
                await asyncio.sleep(0.1)
        event = settled(inference_id=new_id())
        await producer.send_and_wait(
            OUTCOMES.name, event.encoded(), event.key, partition=2, headers=event.headers("test", None)
        )
        await bench.until_kept(3)

    on_broker(scenario)(kafka)


@on_broker
async def test_a_limit_of_the_broker_below_ours_refuses_what_is_too_large_and_nothing_else(bench: Bench) -> None:
    await bench.start()
    async with administered(bench.kafka.servers) as client:
        for name in (OUTCOMES.name, OUTCOMES.dlq):
            limit = ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": "3000"})
            await client.alter_configs([limit])
    event = settled(inference_id=new_id())
    too_large = event.model_copy(update={"server_address": "x" * 20_000})

    with pytest.raises(UnpublishableError):
        await bench.publisher.publish_until_acked(Outgoing(OUTCOMES, too_large))

    record = ConsumerRecord(OUTCOMES.name, 0, 0, 0, 0, b"k", b"x" * 5000, None, 1, 5000, ())
    await send_to_dlq(bench.publisher, record, "invalid_request", "unreadable")
    assert await bench.dead_letters() == 1
    await bench.publish(1)
    await bench.until_kept(1)


@on_broker
async def test_records_that_no_client_of_ours_would_write_stop_nothing(bench: Bench) -> None:
    await bench.start()
    plain = await bench.producer()
    good = 0

    async def one_good(producer: AIOKafkaProducer) -> None:
        nonlocal good
        event = settled(inference_id=new_id())
        headers = event.headers("test", None)
        await producer.send_and_wait(OUTCOMES.name, event.encoded(), event.key, partition=0, headers=headers)
        good += 1

    for codec in ("gzip", "snappy", "lz4", "zstd"):
        compressing = await bench.producer(compression_type=codec)
        await one_good(compressing)
        if codec in {"gzip", "zstd"}:  # 100 MB of nothing in a few kilobytes
            await compressing.send_and_wait(OUTCOMES.name, bytes(100_000_000), partition=0)
            await one_good(plain)
    event = settled(inference_id=new_id())
    await send_changed(plain, OUTCOMES.name, event.encoded(), [("odd header", b""), *event.headers("t", None)],
                       lambda raw: raw.replace(b"odd header", b"odd \xff\xfeader"))  # fmt: skip
    good += 1
    await send_changed(plain, OUTCOMES.name, event.encoded(), [], lambda raw: raw[:27] + b"\xff" * 16 + raw[43:])
    await plain.send_and_wait(OUTCOMES.name, None, b"tombstone", partition=0)
    await plain.send_and_wait(OUTCOMES.name, b"", None, partition=0)
    await plain.send_and_wait(OUTCOMES.name, b"{}", None, partition=0, headers=[("ce_type", b"\xff\xfe"), ("", b"")])
    transactional = await bench.producer(transactional_id=str(new_id()))
    async with transactional.transaction():
        await one_good(transactional)
    await transactional.begin_transaction()
    await transactional.send_and_wait(OUTCOMES.name, b"taken back", partition=0)
    await transactional.abort_transaction()
    await one_good(plain)

    await bench.until_kept(good)
    async with asyncio.timeout(COMES_BACK_WITHIN_S):
        while await bench.dead_letters() < 7:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.1)
