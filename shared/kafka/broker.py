"""The verbs by which this package speaks to Kafka: those we use, and no others.

`real.py` speaks to a broker; `local` keeps one in memory. One suite, `tests/kafka`, holds both to the same answers.
Errors are aiokafka's own: KafkaError and what is derived from it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.structs import RecordMetadata

from shared.events.topics import Topic, WantedTopic
from shared.kafka.settings import KafkaSettings

Reset = Literal["earliest", "latest", "none"]
Handler = Callable[[Any], Awaitable[None]]
Offsets = Mapping[TopicPartition, int]
GATHER_S = 0.05


class PlaceInTime(NamedTuple):
    """A record's offset and its timestamp in milliseconds since 1970."""

    offset: int
    timestamp: int


class Producer(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None:
        """Returns when all that was sent is acked, or has failed."""

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        *,
        headers: Sequence[tuple[str, bytes | None]] | None = None,
    ) -> "asyncio.Future[RecordMetadata]":
        """The future is done when every in-sync replica has the record, or fails with a KafkaError.
        Raises MessageSizeTooLargeError."""


class Consumer(Protocol):
    """Reads by assignment (`assign`), or as the member of a group that a `Subscription` made it."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    def assign(self, partitions: Iterable[TopicPartition]) -> None: ...
    def assignment(self) -> set[TopicPartition]: ...
    def seek(self, partition: TopicPartition, offset: int) -> None: ...
    async def seek_to_beginning(self, *partitions: TopicPartition) -> object: ...
    async def seek_to_end(self, *partitions: TopicPartition) -> object: ...

    async def position(self, partition: TopicPartition) -> int:
        """The offset of the record that comes next. Raises IllegalStateError when the partition is not assigned."""

    def highwater(self, partition: TopicPartition) -> int | None:
        """The end of the partition at the last fetch; None before the first one."""

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]: ...
    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]: ...

    async def offsets_for_times(
        self, timestamps: dict[TopicPartition, int]
    ) -> Mapping[TopicPartition, PlaceInTime | None]:
        """The first record at or after each time, in milliseconds since 1970; None when there is none."""

    async def getone(self, *partitions: TopicPartition) -> ConsumerRecord: ...

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]: ...

    async def committed(self, partition: TopicPartition) -> int | None: ...

    async def commit(self, offsets: Offsets) -> None:
        """Raises CommitFailedError when the group has moved on, IllegalStateError when a partition is not assigned."""


class Admin(Protocol):
    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def topics(self, *names: str) -> dict[str, int]:
        """How many partitions each topic has: of these, or of all. What does not exist is left out."""

    async def create(self, wanted: Sequence[WantedTopic]) -> None:
        """What exists is left as it is. Raises ConfigurationError."""

    async def committed(self, group: str, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int | None]:
        """What the group has committed of each, None when nothing. A partition is left out when the broker cannot
        tell, as while one that has just started loads the group."""


class Subscription(Protocol):
    """Membership of a group, and the loop that hands its records to a handler."""

    async def start(self) -> Consumer:
        """Returns the member when it has partitions, or knows that there are none for it. Records may reach the
        handler before this returns."""

    async def stop(self) -> None:
        """Gives the handler in hand some time, then leaves the group."""


class Broker(Protocol):
    """One process's access to Kafka. Clients are made here; the caller starts them."""

    @property
    def settings(self) -> KafkaSettings: ...

    def producer(self) -> Producer: ...

    def consumer(
        self, *, reset: Reset = "earliest", group: str | None = None, fetch_max_wait_ms: int = 500
    ) -> Consumer:
        """Reads by assignment; `group` is whose offsets it may commit. Nothing is committed by itself."""

    def admin(self) -> Admin: ...

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
        """Hands each record (or a sequence of up to `batch` records) to the handler, from the earliest that the
        group has not committed. Nothing is committed by itself. When a handler raises, the process is asked to stop,
        and nothing more is handed over. gather_s: how long more is waited for after a batch that was not full; a batch
        costs its reader about as much as a record, so it should be as long as nobody waits."""
