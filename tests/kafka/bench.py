"""What a scenario needs beside the verbs: topics of its own, other processes, retention. For each broker one way."""

import asyncio
import sys
import time
import uuid
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from typing import Any, NamedTuple, Protocol

from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.errors import KafkaConnectionError

from deploy.local.ports import free_ports
from shared.events.topics import Topic, WantedTopic
from shared.kafka import ConsumerRecord, TopicPartition
from shared.kafka.admin import connected_admin
from shared.kafka.broker import Broker, Consumer, Producer
from shared.kafka.local import LocalBroker, LocalCluster
from shared.kafka.local.faults import late, refused
from shared.kafka.real import RealBroker
from shared.kafka.settings import KafkaSettings
from tests.support.virtual_time import run_virtually

_BEGAN_S = 1_700_000_000.0  # the wall clock of virtual time


def new_name(kind: str) -> str:
    return f"{kind}.{uuid.uuid4().hex}"


class Bench:
    """Clients that it starts are stopped when the scenario ends."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self.stops = 0  # how often a process was asked to stop
        self._stack = stack

    @property
    def broker(self) -> Broker:
        raise NotImplementedError

    def now_ms(self) -> int:
        raise NotImplementedError

    async def drop_before(self, place: TopicPartition, offset: int) -> None:
        """As retention does."""
        raise NotImplementedError

    async def doomed_member(self, topic: Topic, group: str) -> Callable[[], None]:
        """A process that has joined the group; the function kills it."""
        raise NotImplementedError

    def away(self) -> Broker:
        """One that refuses connections."""
        raise NotImplementedError

    async def silent(self) -> "Silent":
        raise NotImplementedError

    async def topic(self, partitions: int = 1, max_bytes: int = 1_000_000) -> Topic:
        name = new_name("suite")
        config = (("max.message.bytes", str(max_bytes)), ("retention.ms", "86400000"))
        async with connected_admin(self.broker) as admin:
            await admin.create([WantedTopic(name, partitions, config)])
            await until_known(admin.topics, name)
        return topic_named(name, partitions)

    async def producer(self) -> Producer:
        producer = self.broker.producer()
        await producer.start()
        self._stack.push_async_callback(producer.stop)
        return producer

    async def reader(self, places: Sequence[TopicPartition], **options: Any) -> Consumer:
        """A started consumer to which these partitions are assigned."""
        consumer = self.broker.consumer(**options)
        await consumer.start()
        self._stack.push_async_callback(consumer.stop)
        consumer.assign(places)
        return consumer

    async def publish(self, topic: Topic, *values: bytes, partition: int = 0) -> None:
        producer = await self.producer()
        for value in values:
            await (await producer.send(topic.name, value, None, partition))

    async def member(self, topic: Topic, group: str, handler: "Handling | None" = None, **options: Any) -> "Joined":
        handling = handler or Handling()
        options.setdefault("graceful_timeout_s", 2.0)
        subscription = self.broker.subscribe((topic,), group, handling, **options)
        consumer = await subscription.start()
        self._stack.push_async_callback(subscription.stop)
        return Joined(consumer, handling, subscription.stop)

    def _stop(self) -> None:
        self.stops += 1


class Silent(NamedTuple):
    """A broker that takes connections and answers nothing. open: how many connections there are now."""

    broker: Broker
    open: Callable[[], int]


class LocalBench(Bench):
    def __init__(self, stack: AsyncExitStack) -> None:
        super().__init__(stack)
        loop = asyncio.get_running_loop()
        self._cluster = LocalCluster((), now=lambda: _BEGAN_S + loop.time())
        self._broker = LocalBroker(self._cluster, stop=self._stop)

    @property
    def broker(self) -> Broker:
        return self._broker

    def now_ms(self) -> int:
        return int(self._cluster.now() * 1000)

    async def drop_before(self, place: TopicPartition, offset: int) -> None:
        self._cluster.log(place).drop_before(offset)

    async def doomed_member(self, topic: Topic, group: str) -> Callable[[], None]:
        doomed = LocalBroker(self._cluster, "doomed")
        await doomed.subscribe((topic,), group, Handling(), graceful_timeout_s=2.0).start()
        return doomed.kill

    def away(self) -> Broker:
        return LocalBroker(LocalCluster((), faults=lambda _: refused(KafkaConnectionError())))

    async def silent(self) -> Silent:
        return Silent(LocalBroker(LocalCluster((), faults=lambda _: late())), lambda: 0)


class RealBench(Bench):
    def __init__(self, stack: AsyncExitStack, servers: str) -> None:
        super().__init__(stack)
        self._settings = KafkaSettings(bootstrap_servers=servers)
        self._broker = RealBroker(self._settings, self._stop)

    @property
    def broker(self) -> Broker:
        return self._broker

    def now_ms(self) -> int:
        return int(time.time() * 1000)

    async def drop_before(self, place: TopicPartition, offset: int) -> None:
        admin = AIOKafkaAdminClient(**self._settings.connection())
        await admin.start()
        try:
            await admin.delete_records({place: RecordsToDelete(before_offset=offset)})
        finally:
            await admin.close()

    async def doomed_member(self, topic: Topic, group: str) -> Callable[[], None]:
        command = ("-m", "tests.kafka.member", self._settings.bootstrap_servers, topic.name, group)
        doomed = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
        self._stack.push_async_callback(doomed.wait)
        assert doomed.stdout is not None
        assert await doomed.stdout.readline() == b"joined\n"
        return doomed.kill

    def away(self) -> Broker:
        (port,) = free_ports(1)
        return RealBroker(KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}"))

    async def silent(self) -> Silent:
        ended: list[asyncio.Event] = []

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ended.append(end := asyncio.Event())
            await reader.read()
            writer.close()
            end.set()

        server = await asyncio.start_server(take, "127.0.0.1", 0)
        self._stack.callback(server.close)
        host, port = server.sockets[0].getsockname()
        settings = KafkaSettings(bootstrap_servers=f"{host}:{port}")
        return Silent(RealBroker(settings), lambda: sum(not end.is_set() for end in ended))


class Handling:
    """A handler that keeps what it is given. `on` is called with it first, and may wait or raise."""

    def __init__(self, on: Callable[[Any], Coroutine[Any, Any, None]] | None = None) -> None:
        self.given: list[Any] = []
        self._on = on

    async def __call__(self, records: Any) -> None:
        if self._on is not None:
            await self._on(records)
        self.given.append(records)

    @property
    def values(self) -> list[bytes | None]:
        flat = [record for given in self.given for record in (given if isinstance(given, tuple) else (given,))]
        return [record.value for record in flat]


class Joined:
    """A member that has joined, and what it was given."""

    def __init__(self, consumer: Consumer, handling: Handling, stop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.consumer = consumer
        self.handling = handling
        self.stop = stop

    @property
    def partitions(self) -> set[int]:
        return {place.partition for place in self.consumer.assignment()}


class Place(Protocol):
    """Where scenarios are run."""

    def run(self, scenario: "Scenario") -> None: ...


Scenario = Callable[[Bench], Coroutine[Any, Any, None]]


class LocalPlace:
    def run(self, scenario: Scenario) -> None:
        async def on_bench() -> None:
            async with AsyncExitStack() as stack:
                await scenario(LocalBench(stack))

        run_virtually(on_bench())


class RealPlace:
    def __init__(self, servers: str) -> None:
        self._servers = servers

    def run(self, scenario: Scenario) -> None:
        async def on_bench() -> None:
            async with AsyncExitStack() as stack:
                await scenario(RealBench(stack, self._servers))

        asyncio.run(on_bench())


def on_both(scenario: Scenario) -> Callable[[Place], None]:
    """A test of the scenario on each broker: in memory on virtual time, and on a real Kafka."""

    def test(place: Place) -> None:
        place.run(scenario)

    test.__name__, test.__doc__ = scenario.__name__, scenario.__doc__
    return test


def topic_named(name: str, partitions: int) -> Topic:
    return Topic(name, partitions, 86_400_000, (), "", (), ())


def places(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]


async def read(consumer: Consumer, count: int) -> list[ConsumerRecord]:
    """So many records, in the order in which they come."""
    records: list[ConsumerRecord] = []
    async with asyncio.timeout(15.0):
        while len(records) < count:
            found = await consumer.getmany(timeout_ms=1000, max_records=count - len(records))
            records += [record for batch in found.values() for record in batch]
    return records


async def until(holds: Callable[[], bool], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - the brokers signal nothing
            await asyncio.sleep(0.05)


async def until_known(topics: Callable[[], Coroutine[Any, Any, dict[str, int]]], name: str) -> None:
    async with asyncio.timeout(15.0):
        while name not in await topics():  # noqa: ASYNC110 - the brokers signal nothing
            await asyncio.sleep(0.05)
