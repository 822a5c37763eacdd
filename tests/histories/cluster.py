"""The broker in memory with somebody who writes down what is on it, and whose timers are nobody's process."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context

from aiokafka import TopicPartition

from shared.events import Event
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import header
from shared.events.topics import ATTEMPTS, HEARTBEATS, OUTCOMES, REPLIES, REQUEST_TOPICS, RESULTS
from shared.kafka import ConsumerRecord, RecordMetadata
from shared.kafka.broker import Reset
from shared.kafka.dead_letters.letter import OFFSET, PARTITION, TOPIC
from shared.kafka.local import Faults, GroupTimings, LocalBroker, LocalCluster
from shared.kafka.local.broker import LocalAdmin
from shared.kafka.local.consumer import LocalConsumer
from shared.kafka.local.groups import Group, Member
from shared.kafka.local.logs import Headers, PartitionLog
from shared.kafka.local.process import Process
from shared.kafka.local.producer import LocalProducer
from tests.histories.lives import EPOCH, current_life
from tests.histories.trace import Acked, Committed, Published, ReadOffsets, Sent, Trace, Unacked

_WATCHED = {topic.name: topic for topic in (*REQUEST_TOPICS, ATTEMPTS, OUTCOMES, HEARTBEATS, RESULTS, REPLIES)}
_DLQS = frozenset(topic.dlq for topic in REQUEST_TOPICS)
_PATIENCE_MS = 20_000


class HistoryCluster(LocalCluster):
    def __init__(self, trace: Trace, faults: Faults) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(now=lambda: EPOCH.timestamp() + loop.time(), faults=faults)
        self.trace = trace
        for name in (*_WATCHED, *sorted(_DLQS)):
            for place in self.partitions(name):
                self.log(place).wake(_Watcher(self.log(place), trace))

    def group(self, name: str) -> Group:
        if name not in self._groups:
            self._groups[name] = _WatchedGroup(name, self._timings, self.partitions, self.trace)
        return self._groups[name]


class HistoryBroker(LocalBroker):
    """Writes down what was acked, and when offsets were read."""

    def producer(self) -> LocalProducer:
        return _WatchedProducer(self._process, self._trace)

    def consumer(
        self,
        *,
        reset: Reset = "earliest",
        group: str | None = None,
        fetch_max_wait_ms: int = 500,  # noqa: ARG002 - nothing is waited for here
    ) -> LocalConsumer:
        assert group is None, "nobody commits without being a member"
        return _PatientConsumer(self._process, reset, None)

    def admin(self) -> LocalAdmin:
        return _WatchedAdmin(self._process, self._trace)

    @property
    def _trace(self) -> Trace:
        assert isinstance(self.cluster, HistoryCluster)
        return self.cluster.trace


class _PatientConsumer(LocalConsumer):
    """Who polls an empty topic is woken by what comes, and not twice a second: half of all timers would be such."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        return await super().getmany(*partitions, timeout_ms=timeout_ms and _PATIENCE_MS, max_records=max_records)


class _Watcher(asyncio.Event):
    """Set by the log of a partition when something has come."""

    def __init__(self, log: PartitionLog, trace: Trace) -> None:
        super().__init__()
        self._log = log
        self._trace = trace

    def set(self) -> None:
        [record] = self._log.read(self._log.end - 1, 1)
        event = _decoded(record)
        letter = _letter(record) if record.topic in _DLQS else None
        self._trace.append(Published(_now(), _by(), self._log.place, record.offset, event, letter))


class _WatchedGroup(Group):
    def __init__(
        self,
        name: str,
        timings: GroupTimings,
        partitions_of: Callable[[str], Sequence[TopicPartition]],
        trace: Trace,
    ) -> None:
        super().__init__(name, timings, partitions_of)
        self._trace = trace

    def commit(self, member: Member | None, generation: int, offsets: Mapping[TopicPartition, int]) -> None:
        super().commit(member, generation, offsets)
        self._trace.append(Committed(_now(), _by(), self.name, offsets))

    def _begin_rebalance(self) -> None:
        Context().run(super()._begin_rebalance)

    def _call_at_next_heartbeat(self, member: Member) -> None:
        Context().run(super()._call_at_next_heartbeat, member)


class _WatchedProducer(LocalProducer):
    def __init__(self, process: Process, trace: Trace) -> None:
        super().__init__(process)
        self._trace = trace

    async def _carry(
        self,
        place: TopicPartition,
        value: bytes | None,
        key: bytes | None,
        headers: Headers,
        acked: "asyncio.Future[RecordMetadata]",
    ) -> None:
        sent_at_s = _now()
        self._trace.append(Sent(sent_at_s, _by(), place, key))
        await super()._carry(place, value, key, headers, acked)
        if acked.cancelled() or acked.exception() is not None:
            self._trace.append(Unacked(_now(), _by(), place, sent_at_s))
        else:
            self._trace.append(Acked(_now(), _by(), place, acked.result().offset, sent_at_s))


class _WatchedAdmin(LocalAdmin):
    def __init__(self, process: Process, trace: Trace) -> None:
        super().__init__(process)
        self._trace = trace

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int | None]:
        found = await super().committed(group, partitions)
        self._trace.append(ReadOffsets(_now(), _by(), group))
        return found


def _decoded(record: ConsumerRecord) -> Event | None:
    topic = _WATCHED.get(record.topic)
    try:
        return None if topic is None else decode(topic, record.headers, record.value)
    except UnreadableMessageError:
        return None


def _letter(record: ConsumerRecord) -> tuple[str, int, int]:
    topic, partition, offset = (header(record.headers, name) or "" for name in (TOPIC, PARTITION, OFFSET))
    return topic, int(partition), int(offset)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _by() -> str | None:
    life = current_life()
    return None if life is None else life.name
