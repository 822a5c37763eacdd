"""The one list of topics. `tallygate topics apply` creates them; no service relies on auto-creation."""

from dataclasses import dataclass

from shared.events.attempt import AttemptEnded, AttemptStarted
from shared.events.envelope import Event
from shared.events.inference import InferenceRequested, InferenceSettled
from shared.events.reply import ReplyCompleted, ReplyFailed

_MINUTE_MS = 60_000
_DAY_MS = 86_400_000
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

    @property
    def dlq(self) -> str:
        return self.name + DLQ_SUFFIX

    def partition_of(self, key: bytes) -> int:
        """All that is said of one inference lies on one partition, in order. The end of a UUIDv7 is random."""
        return int.from_bytes(key[-2:]) % self.partitions


REQUESTS = Topic(
    "inference.requests.v1", 8, _DAY_MS, (InferenceRequested,), "inference_id",
    ("gateway", "upstream services"), ("router",),
)  # fmt: skip
ATTEMPTS = Topic("inference.attempts.v1", 8, 30 * _DAY_MS, (AttemptStarted,), "inference_id", ("router",), ("monitor",))
OUTCOMES = Topic(
    "inference.outcomes.v1", 8, 30 * _DAY_MS, (AttemptEnded, InferenceSettled), "inference_id",
    ("router", "gateway"), ("monitor",),
)  # fmt: skip
# Read by assignment: a gateway reads the one partition that its requests name.
REPLIES = Topic(
    "inference.replies.v1", 64, 10 * _MINUTE_MS, (ReplyCompleted, ReplyFailed), "inference_id (explicit partition)",
    ("router",), ("gateway",),
)  # fmt: skip

TOPICS = (REQUESTS, ATTEMPTS, OUTCOMES, REPLIES)

_DLQ_PARTITIONS = 1
_DLQ_RETENTION_MS = 14 * _DAY_MS


@dataclass(frozen=True, slots=True)
class WantedTopic:
    """What the broker must have."""

    name: str
    partitions: int
    config: tuple[tuple[str, str], ...]


def wanted_topics() -> list[WantedTopic]:
    """Every topic, and a dead-letter topic for each that is read by a group."""
    wanted = []
    for topic in TOPICS:
        wanted.append(WantedTopic(topic.name, topic.partitions, _config(topic.retention_ms, topic.cleanup)))
        if topic is not REPLIES:
            wanted.append(WantedTopic(topic.dlq, _DLQ_PARTITIONS, _config(_DLQ_RETENTION_MS, "delete")))
    return wanted


def _config(retention_ms: int, cleanup: str) -> tuple[tuple[str, str], ...]:
    return (
        ("cleanup.policy", cleanup),
        ("retention.ms", str(retention_ms)),
        ("max.message.bytes", str(MAX_RECORD_BYTES)),
    )


# One number on both sides: producers refuse more, and the topics allow as much.
MAX_RECORD_BYTES = 5 * 1024 * 1024
