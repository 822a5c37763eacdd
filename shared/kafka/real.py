"""A broker that is reached with aiokafka: producers, readers by assignment, and questions about topics and groups."""

from collections.abc import Sequence
from typing import cast

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError

from shared.errors import ConfigurationError
from shared.events.topics import MAX_DEAD_LETTER_BYTES, Topic, WantedTopic
from shared.kafka.broker import GATHER_S, Admin, Consumer, Handler, Producer, Reset, Subscription
from shared.kafka.committed import heed_group_errors
from shared.kafka.records import read_sturdily
from shared.kafka.settings import IDLE_LOOK_MS, KafkaSettings
from shared.kafka.stopping import Stop, terminate

read_sturdily()
heed_group_errors()

# One produce request is in flight per broker, one batch per partition in it: small batches would throttle.
_MAX_BATCH_BYTES = 1024 * 1024


class RealBroker:
    """`stop` is called when a handler fails."""

    def __init__(self, settings: KafkaSettings, stop: Stop = terminate) -> None:
        self.settings = settings
        self._stop = stop

    def producer(self) -> Producer:
        """Idempotence is off on purpose: our ids make duplicates harmless, and aiokafka's idempotent producer never
        recovers from one rejected batch."""
        made = AIOKafkaProducer(
            **self.settings.connection(),
            acks="all",
            enable_idempotence=False,
            linger_ms=0,
            max_batch_size=_MAX_BATCH_BYTES,
            max_request_size=MAX_DEAD_LETTER_BYTES,
            request_timeout_ms=int(self.settings.publish_timeout_s * 1000),
        )
        return cast("Producer", made)

    def consumer(
        self, *, reset: Reset = "earliest", group: str | None = None, fetch_max_wait_ms: int = 500
    ) -> Consumer:
        made = AIOKafkaConsumer(
            **self.settings.connection(),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset=reset,
            fetch_max_wait_ms=fetch_max_wait_ms,
            consumer_timeout_ms=IDLE_LOOK_MS,
        )
        return cast("Consumer", made)

    def admin(self) -> Admin:
        return _Admin(self.settings)

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
    ) -> Subscription:
        from shared.kafka.subscriber import GroupSubscription  # FastStream is slow to import: commands need none

        return GroupSubscription(
            self.settings, topics, group, handler, self._stop, graceful_timeout_s, listener, batch, gather_s
        )


class _Admin:
    def __init__(self, settings: KafkaSettings) -> None:
        self._client = AIOKafkaAdminClient(**settings.connection())
        self._replicas = settings.replication_factor

    async def start(self) -> None:
        await self._client.start()

    async def stop(self) -> None:
        await self._client.close()

    async def topics(self, *names: str) -> dict[str, int]:
        found = await self._client.describe_topics(list(names) or None)
        return {topic["topic"]: len(topic["partitions"]) for topic in found if topic["partitions"]}

    async def create(self, wanted: Sequence[WantedTopic]) -> None:
        _raise_failures(await self._client.create_topics([self._new(topic) for topic in wanted]))

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int | None]:
        # The client tells an error of the whole group by leaving its partitions out.
        found = await self._client.list_consumer_group_offsets(group, partitions=list(partitions))
        return {place: kept.offset if kept.offset >= 0 else None for place, kept in found.items()}

    def _new(self, wanted: WantedTopic) -> NewTopic:
        config = dict(wanted.config) | {"min.insync.replicas": str(max(1, self._replicas - 1))}
        return NewTopic(wanted.name, wanted.partitions, self._replicas, topic_configs=config)


def _raise_failures(response: object) -> None:
    for name, code, *message in getattr(response, "topic_errors", ()):
        if code not in (0, TopicAlreadyExistsError.errno):
            raise ConfigurationError(f"topic {name} could not be created: error {code} {message}")
