"""The one list of topics. `tallygate topics apply` creates them; no service relies on auto-creation."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.events.attempt import AttemptEnded, AttemptStarted, InferenceHeld
from shared.events.books import DaySealed
from shared.events.bounds import REPLY_PARTITIONS
from shared.events.envelope import Event
from shared.events.feature import (
    FeatureCancelRequested,
    FeatureProgressed,
    FeatureRequested,
    FeatureSettled,
    FeatureStarted,
    FeatureWorkerBeat,
)
from shared.events.inference import CancelRequested, InferenceRequested, InferenceSettled
from shared.events.model import ModelHealthChanged
from shared.events.reply import ReplyCompleted, ReplyFailed
from shared.events.router import RouterHeartbeat
from shared.events.tenant import SessionCapped, SessionSpent, TenantSpent
from shared.priorities import Priority

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
_FOR_EVER = -1
DLQ_SUFFIX = ".dlq"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `written_by` and `read_by` are documentation that the AsyncAPI document shows."""

    name: str
    partitions: int
    retention_ms: int
    events: tuple[type[Event], ...]
    key: str
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    cleanup: str = "delete"
    has_dlq: bool = False

    @property
    def dlq(self) -> str:
        return self.name + DLQ_SUFFIX

    def partition_of(self, key: bytes) -> int:
        """One partition for all events of an inference, so that they stay in order. The end of a UUIDv7 is random."""
        return int.from_bytes(key[-2:]) % self.partitions


REQUESTS = Topic(
    "inference.requests.v1", 8, _DAY_MS, (InferenceRequested,), "inference_id",
    ("gateway", "features", "upstream services", "monitor"), ("router", "monitor"), has_dlq=True,
)  # fmt: skip
# Of priority bulk alone, and read by a group of its own: how far it has come never holds up the others.
BULK_REQUESTS = Topic(
    "inference.bulk.v1", 4, _DAY_MS, (InferenceRequested,), "inference_id",
    ("gateway", "features", "upstream services", "monitor"), ("router", "monitor"), has_dlq=True,
)  # fmt: skip
REQUEST_TOPICS = (REQUESTS, BULK_REQUESTS)
ATTEMPTS = Topic(
    "inference.attempts.v1", 8, 30 * _DAY_MS, (AttemptStarted, InferenceHeld), "inference_id",
    ("router",), ("monitor",), has_dlq=True,
)  # fmt: skip
OUTCOMES = Topic(
    "inference.outcomes.v1", 8, 30 * _DAY_MS, (AttemptEnded, InferenceSettled), "inference_id",
    ("router", "gateway", "monitor"), ("monitor", "jobs"), has_dlq=True,
)  # fmt: skip
# Read by assignment: a gateway reads the one partition that its requests name.
REPLIES = Topic(
    "inference.replies.v1", REPLY_PARTITIONS, 10 * _MINUTE_MS, (ReplyCompleted, ReplyFailed),
    "inference_id (explicit partition)", ("router", "monitor"), ("gateway", "features"),
)  # fmt: skip
RESULTS = Topic(
    "inference.results.v1", 4, _DAY_MS, (ReplyCompleted, ReplyFailed), "inference_id",
    ("router", "monitor"), ("gateway",), has_dlq=True,
)  # fmt: skip
# Read by every router from the beginning, without a group.
CANCELLATIONS = Topic(
    "inference.cancellations.v1", 1, 60 * _MINUTE_MS, (CancelRequested,), "inference_id",
    ("gateway", "features", "jobs"), ("router",),
)  # fmt: skip
# Read by every monitor from the beginning, without a group.
HEARTBEATS = Topic(
    "router.heartbeats.v1", 1, _DAY_MS, (RouterHeartbeat,), "router_id", ("router",), ("monitor",),
    cleanup="compact,delete",
)  # fmt: skip
# The newest health of each model, spending of each tenant, and cap and spending of each session: read by assignment
# from the beginning, without a group; by who tells of changes in one.
MODEL_HEALTH = Topic(
    "model.health.v1", 1, _DAY_MS, (ModelHealthChanged,), "tenant_id/model",
    ("monitor",), ("router", "gateway", "jobs"), cleanup="compact,delete",
)  # fmt: skip
SPENDING = Topic(
    "tenant.spending.v1", 1, 32 * _DAY_MS, (TenantSpent, SessionCapped, SessionSpent),
    "tenant_id, or tenant_id/session/cap or /spent", ("monitor", "gateway"), ("router", "gateway", "jobs"),
    cleanup="compact,delete",
)  # fmt: skip
# The seals of the books' days, for ever: each has a key of its own. Read by who seals and by who verifies.
SEALS = Topic(
    "books.seals.v1", 1, _FOR_EVER, (DaySealed,), "day/sequence", ("monitor",), ("monitor",), cleanup="compact"
)
FEATURE_REQUESTS = Topic(
    "feature.requests.v1", 4, 30 * _DAY_MS, (FeatureRequested,), "feature_id", ("gateway",), ("features",), has_dlq=True
)
FEATURE_PROGRESS = Topic(
    "feature.progress.v1", 4, 30 * _DAY_MS, (FeatureStarted, FeatureProgressed), "feature_id",
    ("features",), ("gateway", "monitor"), has_dlq=True,
)  # fmt: skip
FEATURE_OUTCOMES = Topic(
    "feature.outcomes.v1", 4, 30 * _DAY_MS, (FeatureSettled,), "feature_id",
    ("features", "gateway"), ("gateway", "monitor", "jobs"), has_dlq=True,
)  # fmt: skip
# Read by every worker from the beginning, without a group.
FEATURE_CANCELLATIONS = Topic(
    "feature.cancellations.v1", 1, 60 * _MINUTE_MS, (FeatureCancelRequested,), "feature_id", ("gateway",), ("features",)
)
# Read by every gateway from the beginning, without a group.
FEATURE_WORKERS = Topic(
    "feature.workers.v1", 1, _DAY_MS, (FeatureWorkerBeat,), "worker_id", ("features",), ("gateway",),
    cleanup="compact,delete",
)  # fmt: skip

TOPICS = (
    REQUESTS, BULK_REQUESTS, ATTEMPTS, OUTCOMES, REPLIES, RESULTS, CANCELLATIONS, HEARTBEATS, MODEL_HEALTH, SPENDING,
    SEALS, FEATURE_REQUESTS, FEATURE_PROGRESS, FEATURE_OUTCOMES, FEATURE_CANCELLATIONS, FEATURE_WORKERS,
)  # fmt: skip

DLQ_PARTITIONS = 1
_BULK_FROM = 50_000
_DLQ_RETENTION_MS = 14 * _DAY_MS


def requests_topic(priority: Priority) -> Topic:
    return BULK_REQUESTS if priority == "bulk" else REQUESTS


def router_groups(group: str) -> dict[Topic, str]:
    """The consumer group of each topic of requests. group: of the routers, as their setting names it."""
    return {REQUESTS: group, BULK_REQUESTS: f"{group}-bulk"}


def request_partition(topic: str, partition: int) -> int:
    """One number for a partition of any topic of requests: as `request_partition` in events and books."""
    return partition + _BULK_FROM if topic == BULK_REQUESTS.name else partition


def request_place(number: int) -> tuple[Topic, int]:
    """The topic and the partition of such a number."""
    return (BULK_REQUESTS, number - _BULK_FROM) if number >= _BULK_FROM else (REQUESTS, number)


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """What the broker must have."""

    name: str
    partitions: int
    config: tuple[tuple[str, str], ...]


def wanted_topics(more: Iterable[Topic] = ()) -> list[WantedTopic]:
    """Every topic, and a dead-letter topic for each that is read by a group. more: that the deployment names."""
    wanted = []
    for topic in (*TOPICS, *more):
        config = _config(topic.retention_ms, topic.cleanup, MAX_RECORD_BYTES)
        wanted.append(WantedTopic(topic.name, topic.partitions, config))
        if topic.has_dlq:
            config = _config(_DLQ_RETENTION_MS, "delete", MAX_DEAD_LETTER_BYTES)
            wanted.append(WantedTopic(topic.dlq, DLQ_PARTITIONS, config))
    return wanted


def _config(retention_ms: int, cleanup: str, max_bytes: int) -> tuple[tuple[str, str], ...]:
    return (
        ("cleanup.policy", cleanup),
        ("retention.ms", str(retention_ms)),
        ("max.message.bytes", str(max_bytes)),
    )


MAX_RECORD_BYTES = 5 * 1024 * 1024
# Of an event's body; the rest of a record is for its key, headers and the frame of its batch.
MAX_EVENT_BYTES = MAX_RECORD_BYTES - 8 * 1024
MAX_SEALED_BYTES = MAX_EVENT_BYTES - 8 * 1024  # of one event: all its other fields are short
# A dead letter is the message as it came, and the headers that say why. Producers refuse more than this.
MAX_DEAD_LETTER_BYTES = MAX_RECORD_BYTES + 64 * 1024
