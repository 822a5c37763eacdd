"""One dead letter: the message, why it could not be handled, and where it came from."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from aiokafka import ConsumerRecord

from shared.errors import TallygateError
from shared.events.bounds import instant_of
from shared.events.envelope import KafkaHeaders, header
from shared.events.ingress import ingress_topic
from shared.events.topics import DLQ_SUFFIX, TOPICS, Topic

_OURS = "dlq_"
TYPE, REASON, TOPIC, PARTITION, OFFSET = "dlq_error_type", "dlq_reason", "dlq_topic", "dlq_partition", "dlq_offset"
REPLAYED_FROM = "dlq_replayed_from"
LEFT_OUT = "dlq_left_out"

_LONG_AGO = datetime.fromtimestamp(0, UTC)  # of a record whose time is none
_SOURCES = {topic.dlq: topic for topic in TOPICS if topic.has_dlq}


class DeadLetterId(NamedTuple):
    """Where it lies: `<dead-letter topic>:<partition>:<offset>`."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}:{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str, more: Iterable[Topic] = ()) -> Self:
        """more: topics with dead letters that the deployment names. Raises TallygateError `invalid_request`."""
        topic, _, place = text.strip().partition(":")
        partition, _, offset = place.partition(":")
        if topic not in {*_SOURCES, *(known.dlq for known in more)} or not (
            _is_number(partition) and _is_number(offset)
        ):
            tips = (f"Ids look like {next(iter(_SOURCES))}:0:42.", "List them: tallygate dlq list")
            raise TallygateError("invalid_request", f"{text!r} is not the id of a dead letter", tips=tips)
        return cls(topic, int(partition), int(offset))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """`headers` are those of the message as it first came. What is not known of its source is None.

    size: of the body, in bytes, also where the body was let go. left_out: what of the message was too large to be
    carried, with lengths and digests; None when it is all here.
    """

    id: DeadLetterId
    at: datetime
    error_type: str | None
    reason: str | None
    source: Topic
    source_partition: int | None
    source_offset: int | None
    replayed_from: str | None
    headers: KafkaHeaders
    key: bytes | None
    body: bytes | None
    size: int
    left_out: str | None = None

    @property
    def without_body(self) -> "DeadLetter":
        return replace(self, body=None)

    @property
    def replay_headers(self) -> list[tuple[str, bytes | None]]:
        return [*self.headers, (REPLAYED_FROM, str(self.id).encode())]

    @classmethod
    def of(cls, record: ConsumerRecord) -> Self:
        newest_first = record.headers[::-1]  # ours were added last; the message may have brought its own of these names
        return cls(
            id=DeadLetterId(record.topic, record.partition, record.offset),
            at=instant_of(record.timestamp) or _LONG_AGO,
            error_type=header(newest_first, TYPE),
            reason=header(newest_first, REASON),
            source=_source(record.topic),  # never what a header says: it is where a replay publishes
            source_partition=_number(header(newest_first, PARTITION)),
            source_offset=_number(header(newest_first, OFFSET)),
            replayed_from=header(newest_first, REPLAYED_FROM),
            headers=tuple((name, value) for name, value in record.headers if not name.startswith(_OURS)),
            key=record.key,
            body=record.value,
            size=len(record.value or b""),
            left_out=header(newest_first, LEFT_OUT),
        )


def in_short(letter: DeadLetter) -> dict[str, Any]:
    """As it is listed: why it could not be handled and where it came from, and nothing of what was sent."""
    return {
        "id": str(letter.id),
        "at": letter.at.isoformat(),
        "error_type": letter.error_type,
        "reason": letter.reason,
        "source_topic": letter.source.name,
        "source_partition": letter.source_partition,
        "source_offset": letter.source_offset,
        "replayed_from": letter.replayed_from,
        "size": letter.size,
        "left_out": letter.left_out,
    }


def dead_letter_sources(name: str | None = None, more: Iterable[Topic] = ()) -> list[Topic]:
    """The topics that have dead letters, or the one of that name. more: that the deployment names.
    Raises TallygateError `invalid_request`."""
    sources = (*_SOURCES.values(), *more)
    found = [topic for topic in sources if name in {None, topic.name, topic.dlq}]
    if not found:
        known = ", ".join(topic.name for topic in sources)
        raise TallygateError("invalid_request", f"{name!r} has no dead letters", tips=(f"Topics: {known}",))
    return found


def _source(dlq: str) -> Topic:
    return _SOURCES.get(dlq) or ingress_topic(dlq.removesuffix(DLQ_SUFFIX))


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _is_number(text) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19  # what Kafka can count to
