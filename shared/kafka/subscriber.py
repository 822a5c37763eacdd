"""FastStream subscribers as every service uses them: manual commits, raw records, from the earliest.

FastStream's defaults lose messages (auto-commit, "latest", auto-created topics), so none of them is used.
Records reach the handler as they are: decoding and dead letters are ours.
"""

from collections.abc import Sequence
from typing import Any, cast

from aiokafka import ConsumerRebalanceListener, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from shared.events.topics import Topic
from shared.kafka.broker import Consumer, Handler
from shared.kafka.settings import KafkaSettings
from shared.kafka.stopping import Stop, until_it_fails

# One record at a time: at once. In batches: the broker gathers them, as few events cost the reader as much as many.
_FETCH_MIN_BYTES, _FETCH_MAX_WAIT_MS = 1, 100
_BATCH_FETCH_MIN_BYTES, _BATCH_FETCH_MAX_WAIT_MS = 256 * 1024, 50
_SESSION_TIMEOUT_MS = 10_000  # a member that is killed holds its partitions for this long
_REBALANCE_TIMEOUT_MS = 6_000
_MAX_POLL_INTERVAL_MS = 20 * 60_000  # a router may hold back this long before the group expels it
_BATCH_WAIT_MS = 50
METADATA_MAX_AGE_MS = 30_000  # partitions that are added to a topic are read after this


class GroupSubscription:
    """A FastStream broker for each subscription, so that each can be stopped by itself."""

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[Topic], group: str, handler: Handler, stop: Stop,
        graceful_timeout_s: float, listener: ConsumerRebalanceListener | None, batch: int | None,
    ) -> None:  # fmt: skip
        self._broker = _broker(settings, graceful_timeout_s)
        self._subscriber = _subscriber(self._broker, topics, group, listener, batch)
        # FastStream swallows what a handler raises and goes on.
        self._subscriber(until_it_fails(handler, stop))

    async def start(self) -> Consumer:
        await self._broker.start()
        return cast("Consumer", self._subscriber.consumer)

    async def stop(self) -> None:
        await self._broker.stop()


def _broker(settings: KafkaSettings, graceful_timeout_s: float) -> KafkaBroker:
    connection = settings.connection()
    return KafkaBroker(
        connection.pop("bootstrap_servers"),
        security=_security(connection),
        allow_auto_create_topics=False,
        graceful_timeout=graceful_timeout_s,
        apply_types=False,  # handlers take the record; nothing is injected, so no thread hop per message
        enable_idempotence=False,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        logger=None,
    )


def _subscriber(
    broker: KafkaBroker,
    topics: Sequence[Topic],
    group: str,
    listener: ConsumerRebalanceListener | None,
    batch: int | None,
) -> Any:
    return broker.subscriber(
        *(topic.name for topic in topics),
        group_id=group,
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="earliest",
        no_reply=True,
        parser=_parsed,
        decoder=_raw,
        batch=batch is not None,
        max_records=batch,
        batch_timeout_ms=_BATCH_WAIT_MS,
        listener=listener,
        fetch_min_bytes=_FETCH_MIN_BYTES if batch is None else _BATCH_FETCH_MIN_BYTES,
        fetch_max_wait_ms=_FETCH_MAX_WAIT_MS if batch is None else _BATCH_FETCH_MAX_WAIT_MS,
        session_timeout_ms=_SESSION_TIMEOUT_MS,
        rebalance_timeout_ms=_REBALANCE_TIMEOUT_MS,
        max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
    )


async def _parsed(records: Any) -> KafkaMessage:
    """Without a look into the records: FastStream's own parser decodes every header as UTF-8, and drops a record, or
    the batch that it came with, when one has another value or none."""
    return KafkaMessage(body=b"", raw_message=records, consumer=FAKE_CONSUMER)


async def _raw(message: KafkaMessage) -> ConsumerRecord | tuple[ConsumerRecord, ...]:
    return message.raw_message


def _security(connection: dict[str, Any]) -> Any:
    from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

    context = connection["ssl_context"]
    if not connection["security_protocol"].startswith("SASL"):
        return BaseSecurity(ssl_context=context) if context else None
    kinds = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    kind = kinds[connection["sasl_mechanism"]]
    return kind(
        username=connection["sasl_plain_username"] or "",
        password=connection["sasl_plain_password"] or "",
        ssl_context=context,
        use_ssl=context is not None,
    )
