"""What a client asks of the broker in memory, and what may become of it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, NotEnoughReplicasError, RequestTimedOutError

from shared.kafka.broker import Offsets


@dataclass(frozen=True, slots=True)
class Produce:
    process: str
    partition: TopicPartition
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Fetch:
    """Records are there for the consumer. A fetch that finds nothing is no operation, and one that fails has taken
    nothing: the consumer's position has not moved."""

    process: str
    group: str | None
    partitions: Sequence[TopicPartition]


@dataclass(frozen=True, slots=True)
class Commit:
    process: str
    group: str
    offsets: Offsets


@dataclass(frozen=True, slots=True)
class Ask:
    """A question that changes nothing: `verb` is the method that asks, as `end_offsets` or `committed`."""

    process: str
    verb: str


Operation = Produce | Fetch | Commit | Ask


@dataclass(frozen=True, slots=True)
class Fault:
    """`before_s` passes until the broker does what it is asked, unless `applied` is false; `after_s` until the client
    hears of it, and then it sees `error` if there is one. With `after_s` infinite it never hears.

    The client treats errors as aiokafka does: a commit that fails with a retriable error is sent again, and one that
    fails with UnknownMemberIdError, IllegalGenerationError or RebalanceInProgressError is fenced."""

    applied: bool = True
    error: KafkaError | None = None
    before_s: float = 0.0
    after_s: float = 0.0


Faults = Callable[[Operation], Fault | None]


def refused(error: KafkaError | None = None) -> Fault:
    """It does not happen."""
    return Fault(applied=False, error=error or NotEnoughReplicasError())


def lost(error: KafkaError | None = None) -> Fault:
    """It happens, and the client is told that it may not have."""
    return Fault(error=error or RequestTimedOutError())


def late(before_s: float = 0.0, after_s: float = math.inf) -> Fault:
    """It happens after `before_s`; the answer takes `after_s`."""
    return Fault(before_s=before_s, after_s=after_s)
