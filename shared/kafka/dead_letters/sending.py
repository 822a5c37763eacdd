"""A message that cannot be read goes to `<topic>.dlq` as it came, with the reason in its headers."""

import asyncio
import hashlib
import time

import structlog
from aiokafka import ConsumerRecord

from shared.events.topics import DLQ_SUFFIX, Topic
from shared.kafka.dead_letter_limit import WINDOW_S, DeadLetterLimit, DeadLetterLimitError
from shared.kafka.dead_letters.box import count_since
from shared.kafka.dead_letters.letter import LEFT_OUT, OFFSET, PARTITION, REASON, TOPIC, TYPE
from shared.kafka.failures import RETRYABLE, TOO_LARGE, described
from shared.kafka.publisher import Publisher
from shared.telemetry import names
from shared.telemetry.instruments import Counter, begin_at_zero

logger = structlog.get_logger(__name__)

_dead_letters = Counter(names.METRIC_DEAD_LETTERS, "Messages sent to a dead-letter topic.", ("topic", "reason"))

_RETRY_S = 0.5
_MAX_REASON = 1000  # it may quote the message, and the topic has limited room for our headers
# Of a message that is too large, what a dead letter carries all the same: bytes.
_MAX_KEY_KEPT = 1024
_MAX_HEADERS_KEPT = 16 * 1024


def count_from_zero(*topics: Topic) -> None:
    """Of each topic that this process makes dead letters of."""
    begin_at_zero(
        _dead_letters, *((topic.name, reason) for topic in topics for reason in ("invalid_request", "internal"))
    )


async def dead_letter(
    publisher: Publisher, record: ConsumerRecord, error_type: str, reason: str, *, limited: bool = True
) -> None:
    """`send_to_dlq`, for as long as it takes. Raises DeadLetterLimitError, as it does."""
    logger.warning(
        "message.unreadable", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason
    )
    while True:
        try:
            await send_to_dlq(publisher, record, error_type, reason, limited=limited)
        except RETRYABLE as error:
            logger.warning("dead_letter.waiting", reason=described(error))
            await asyncio.sleep(_RETRY_S)
        else:
            return


async def send_to_dlq(
    publisher: Publisher, record: ConsumerRecord, error_type: str, reason: str, *, limited: bool = True
) -> None:
    """Returns when it is acked, so that its offset may be committed. The reason must hold no content.

    limited: of a topic that we write ourselves: too many dead letters say that their reader is at fault. Where others
    write, whoever sends them would stop the process.
    Raises DeadLetterLimitError, which must stop the process before this offset is committed.
    """
    limit = publisher.dead_letter_limit if limited else DeadLetterLimit(0)
    now = asyncio.get_running_loop().time
    if not limit.knows(record.topic):
        # Counted on the broker: a process that forgot with each restart would, restarted by its supervisor again and
        # again, send the whole topic to the dead letters all the same.
        since = time.time() - WINDOW_S
        limit.learn(record.topic, await count_since(publisher.broker, record.topic + DLQ_SUFFIX, since), now())
    if limit.is_reached(now()):
        raise DeadLetterLimitError(record, limit.most)
    headers = [
        (TYPE, error_type.encode()),
        (REASON, reason[:_MAX_REASON].encode()),
        (TOPIC, record.topic.encode()),
        (PARTITION, str(record.partition).encode()),
        (OFFSET, str(record.offset).encode()),
    ]
    dlq = record.topic + DLQ_SUFFIX
    try:
        await publisher.send_raw(dlq, _body(record), record.key, [*record.headers, *headers])
    except TOO_LARGE:
        kept = _headers_kept(record)
        left_out = (LEFT_OUT, _left_out(record, kept).encode())
        await publisher.send_raw(dlq, b"", _key_kept(record), [*kept, *headers, left_out])
    limit.count(now())
    _dead_letters.labels(record.topic, error_type).inc()


def _body(record: ConsumerRecord) -> bytes | None:
    """The client refuses to send neither key nor body, and such a message must not stop its partition."""
    nothing = record.value is None and record.key is None
    return b"" if nothing else record.value


def _headers_kept(record: ConsumerRecord) -> list[tuple[str, bytes | None]]:
    """The first ones, as many as fit."""
    kept, size = [], 0
    for name, value in record.headers:
        size += len(name.encode("utf-8", "replace")) + len(value or b"")
        if size > _MAX_HEADERS_KEPT:
            break
        kept.append((name, value))
    return kept


def _key_kept(record: ConsumerRecord) -> bytes | None:
    return record.key if record.key is not None and len(record.key) <= _MAX_KEY_KEPT else None


def _left_out(record: ConsumerRecord, kept: list[tuple[str, bytes | None]]) -> str:
    """What the dead letter does not hold, so that its sender can find it: lengths and digests, no content."""
    parts = [f"body of {_told(record.value)}"] if record.value else []
    if record.key is not None and _key_kept(record) is None:
        parts.append(f"key of {_told(record.key)}")
    if len(kept) < len(record.headers):
        parts.append(f"{len(record.headers) - len(kept)} of {len(record.headers)} headers")
    return "; ".join(parts)


def _told(content: bytes) -> str:
    return f"{len(content)} bytes (sha256 {hashlib.sha256(content).hexdigest()})"
