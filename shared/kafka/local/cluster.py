"""What outlives the processes: topics with their records, groups with their offsets."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.partitioner import DefaultPartitioner

from shared.events.topics import WantedTopic, wanted_topics
from shared.kafka.local.faults import Faults
from shared.kafka.local.groups import Group, GroupTimings
from shared.kafka.local.logs import PartitionLog

_partition_of = DefaultPartitioner()


class LocalCluster:
    """`now` is the wall clock in seconds since 1970, which gives records their timestamps. `faults` may be changed at
    any time."""

    def __init__(
        self,
        topics: Iterable[WantedTopic] | None = None,
        *,
        now: Callable[[], float] = time.time,
        faults: Faults = lambda _: None,
        timings: GroupTimings | None = None,
    ) -> None:
        self.now = now
        self.faults = faults
        self._timings = timings or GroupTimings()
        self._wanted: dict[str, WantedTopic] = {}
        self._logs: dict[TopicPartition, PartitionLog] = {}
        self._groups: dict[str, Group] = {}
        self._without_key = 0
        self.create(wanted_topics() if topics is None else topics)

    def create(self, wanted: Iterable[WantedTopic]) -> None:
        """A topic that exists is left as it is."""
        for topic in wanted:
            self._wanted.setdefault(topic.name, topic)

    def extend(self, topic: str, partitions: int) -> None:
        """An operator adds partitions to a topic, up to as many."""
        known = self._wanted[topic]
        self._wanted[topic] = replace(known, partitions=max(partitions, known.partitions))

    @property
    def topics(self) -> dict[str, int]:
        """How many partitions each topic has."""
        return {name: topic.partitions for name, topic in self._wanted.items()}

    def partitions(self, topic: str) -> list[TopicPartition]:
        """Raises UnknownTopicOrPartitionError."""
        if topic not in self._wanted:
            raise UnknownTopicOrPartitionError(topic)
        return [TopicPartition(topic, number) for number in range(self._wanted[topic].partitions)]

    def log(self, place: TopicPartition) -> PartitionLog:
        """Raises UnknownTopicOrPartitionError."""
        if place not in self._logs:  # most partitions of most tests are never used
            self._logs[place] = self._new_log(place)
        return self._logs[place]

    def group(self, name: str) -> Group:
        if name not in self._groups:
            self._groups[name] = Group(name, self._timings, self.partitions)
        return self._groups[name]

    def records(self, topic: str) -> Sequence[ConsumerRecord]:
        """All that is kept of a topic, partition by partition."""
        return [record for place in self.partitions(topic) for record in self.log(place).records]

    def partition_for(self, topic: str, key: bytes | None) -> TopicPartition:
        """Where the client puts a record that names no partition; without a key, the partitions take turns."""
        places = self.partitions(topic)
        if key is None:
            self._without_key += 1
            return places[self._without_key % len(places)]
        return TopicPartition(topic, _partition_of(key, [place.partition for place in places], []))

    def retain(self) -> None:
        """Drop what is older than its topic keeps. Nothing is dropped by itself."""
        now_ms = self.now() * 1000
        for place, log in self._logs.items():
            kept_ms = int(dict(self._wanted[place.topic].config)["retention.ms"])
            log.drop_older(int(now_ms - kept_ms))

    def _new_log(self, place: TopicPartition) -> PartitionLog:
        topic = self._wanted.get(place.topic)
        if topic is None or not 0 <= place.partition < topic.partitions:
            raise UnknownTopicOrPartitionError(str(place))
        return PartitionLog(place, int(dict(topic.config)["max.message.bytes"]))
