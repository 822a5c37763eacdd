"""A message that cannot be read goes to `<topic>.dlq` as it came, with the reason in its headers."""

import asyncio
import time

import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from shared.events.topics import DLQ_SUFFIX
from shared.kafka.dead_letter_limit import WINDOW_S, DeadLetterLimitError
from shared.kafka.dead_letters.box import count_since
from shared.kafka.dead_letters.letter import OFFSET, PARTITION, REASON, TOPIC, TYPE
from shared.kafka.publisher import Publisher
from shared.telemetry.instruments import dead_letters

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5
_MAX_REASON = 1000  # it may quote the message, and the topic has limited room for our headers


async def dead_letter(publisher: Publisher, record: ConsumerRecord, error_type: str, reason: str) -> None:
    """`send_to_dlq`, for as long as it takes. Raises DeadLetterLimitError, as it does."""
    logger.warning(
        "message.unreadable", topic=record.topic, partition=record.partition, offset=record.offset, reason=reason
    )
    while True:
        try:
            await send_to_dlq(publisher, record, error_type, reason)
        except (KafkaError, TimeoutError) as error:
            logger.warning("dead_letter.waiting", reason=type(error).__name__)
            await asyncio.sleep(_RETRY_S)
        else:
            return


async def send_to_dlq(publisher: Publisher, record: ConsumerRecord, error_type: str, reason: str) -> None:
    """Returns when it is acked, so that its offset may be committed. The reason must hold no content.

    Raises DeadLetterLimitError, which must stop the process before this offset is committed.
    """
    limit, now = publisher.dead_letter_limit, asyncio.get_running_loop().time
    if not limit.knows(record.topic):
        # Counted on the broker: a process that forgot with each restart would, restarted by its supervisor again and
        # again, send the whole topic to the dead letters all the same.
        since = time.time() - WINDOW_S
        limit.learn(record.topic, await count_since(publisher.broker, record.topic + DLQ_SUFFIX, since), now())
    if limit.is_reached(now()):
        raise DeadLetterLimitError(record, limit.most)
    headers = [
        *record.headers,
        (TYPE, error_type.encode()),
        (REASON, reason[:_MAX_REASON].encode()),
        (TOPIC, record.topic.encode()),
        (PARTITION, str(record.partition).encode()),
        (OFFSET, str(record.offset).encode()),
    ]
    await publisher.send_raw(record.topic + DLQ_SUFFIX, _body(record), record.key, headers)
    limit.count(now())
    dead_letters.labels(record.topic, error_type).inc()


def _body(record: ConsumerRecord) -> bytes | None:
    """The client refuses to send neither key nor body, and such a message must not stop its partition."""
    nothing = record.value is None and record.key is None
    return b"" if nothing else record.value
