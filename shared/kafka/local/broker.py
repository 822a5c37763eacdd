"""What one process has of the broker in memory."""

from collections.abc import Sequence

from aiokafka import ConsumerRebalanceListener, TopicPartition

from shared.events.topics import Topic, WantedTopic
from shared.kafka.broker import GATHER_S, Handler, Reset
from shared.kafka.local.cluster import LocalCluster
from shared.kafka.local.consumer import LocalConsumer
from shared.kafka.local.membership import Membership
from shared.kafka.local.process import Process
from shared.kafka.local.producer import LocalProducer
from shared.kafka.local.subscription import LocalSubscription
from shared.kafka.settings import KafkaSettings
from shared.kafka.stopping import Stop


class LocalBroker:
    """`stop` is called when a handler fails; by default that only sets `stopped`."""

    def __init__(
        self,
        cluster: LocalCluster | None = None,
        process: str = "process",
        *,
        settings: KafkaSettings | None = None,
        stop: Stop | None = None,
    ) -> None:
        self.cluster = cluster or LocalCluster()
        self.settings = settings or KafkaSettings.model_construct(bootstrap_servers="local")
        self.stopped = False
        self._process = Process(self.cluster, process)
        self._stop = stop or self._note_the_stop
        self._memberships: list[Membership] = []

    def producer(self) -> LocalProducer:
        return LocalProducer(self._process)

    def consumer(
        self,
        *,
        reset: Reset = "earliest",
        group: str | None = None,
        fetch_max_wait_ms: int = 500,  # noqa: ARG002 - nothing is waited for here
    ) -> LocalConsumer:
        membership = None if group is None else Membership(self._process, self.cluster.group(group))
        return LocalConsumer(self._process, reset, membership)

    def admin(self) -> "LocalAdmin":
        return LocalAdmin(self._process)

    def subscribe(
        self,
        topics: Sequence[Topic],
        group: str,
        handler: Handler,
        *,
        graceful_timeout_s: float,
        listener: ConsumerRebalanceListener | None = None,
        batch: int | None = None,
        gather_s: float = GATHER_S,
    ) -> LocalSubscription:
        names = frozenset(topic.name for topic in topics)
        membership = Membership(self._process, self.cluster.group(group), names, listener)
        self._memberships.append(membership)
        consumer = LocalConsumer(self._process, "earliest", membership)
        return LocalSubscription(self._process, consumer, handler, self._stop, graceful_timeout_s, batch, gather_s)

    def kill(self) -> None:
        """The process is gone, at once: what it had not yet asked for does not happen, nothing that it still waits
        for is answered, and its groups miss its heartbeats. Its own tasks are for the caller to end."""
        for membership in self._memberships:
            membership.fall_silent()
        self._process.kill()

    def freeze(self) -> None:
        """The process stands still: its groups miss its heartbeats. That its tasks do not go on is for the caller."""
        for membership in self._memberships:
            membership.fall_silent()

    def thaw(self) -> None:
        for membership in self._memberships:
            membership.speak_again()

    def expel(self) -> None:
        """Its groups take it for dead, though it lives: its sessions end now."""
        for membership in self._memberships:
            membership.lose_session()

    def _note_the_stop(self) -> None:
        self.stopped = True


class LocalAdmin:
    def __init__(self, process: Process) -> None:
        self._process = process
        self._cluster = process.cluster

    async def start(self) -> None:
        await self._process.pause(0)

    async def stop(self) -> None:
        await self._process.pause(0)

    async def topics(self, *names: str) -> dict[str, int]:
        return await self._process.ask("topics", lambda: _only(names, self._cluster.topics))

    async def create(self, wanted: Sequence[WantedTopic]) -> None:
        await self._process.ask("create", lambda: self._cluster.create(wanted))

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int | None]:
        offsets = self._cluster.group(group).offsets
        return await self._process.ask("committed", lambda: {place: offsets.get(place) for place in partitions})


def _only(names: Sequence[str], topics: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in topics.items() if not names or name in names}
