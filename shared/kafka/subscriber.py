"""FastStream subscribers as every service uses them: manual commits, raw records, from the earliest.

FastStream's defaults lose messages (auto-commit, "latest", auto-created topics), so none of them is used.
Records reach the handler as they are: decoding and dead letters are ours.
"""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, cast

import structlog
from aiokafka import ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from shared.events.topics import Topic
from shared.kafka.broker import Consumer, Handler
from shared.kafka.failures import KafkaError, described
from shared.kafka.settings import IDLE_LOOK_MS, KafkaSettings
from shared.kafka.stopping import Stop, until_it_fails

logger = structlog.get_logger(__name__)

# A fetch that finds nothing waits at the broker, and returns with the first record that comes. So its wait delays no
# record; only a member that is given other partitions meanwhile begins to read them when it has returned.
_FETCH_MAX_WAIT_MS = 1000
_TAKEN_AT_ONCE = 100  # one by one
_SESSION_TIMEOUT_MS = 10_000  # a member that is killed holds its partitions for this long
_REBALANCE_TIMEOUT_MS = 6_000
_MAX_POLL_INTERVAL_MS = 20 * 60_000  # a router may hold back this long before the group expels it
METADATA_MAX_AGE_MS = 30_000  # partitions that are added to a topic are read after this


class GroupSubscription:
    """A FastStream broker for each subscription, so that each can be stopped by itself."""

    def __init__(
        self, settings: KafkaSettings, topics: Sequence[Topic], group: str, handler: Handler, stop: Stop,
        graceful_timeout_s: float, listener: ConsumerRebalanceListener | None, batch: int | None,
        gather_s: float,
    ) -> None:  # fmt: skip
        self._broker = _broker(settings, graceful_timeout_s)
        self._revocations = Revocations(listener)
        self._subscriber = _subscriber(self._broker, topics, group, self._revocations)
        on_first = self._one_by_one if batch is None else self._in_batches
        self._handler = handler
        self._most = batch or _TAKEN_AT_ONCE
        self._gather_s = gather_s
        self._stopping = False
        # FastStream swallows what a handler raises and goes on.
        self._subscriber(until_it_fails(on_first, stop))

    async def start(self) -> Consumer:
        await self._broker.start()
        return cast("Consumer", self._subscriber.consumer)

    async def stop(self) -> None:
        self._stopping = True
        await self._broker.stop()

    async def _one_by_one(self, first: ConsumerRecord) -> None:
        """Hands over the record and what has come with it, so that FastStream's work is done once for all of them.

        They are taken before the first one is handled. What is not handled when partitions are revoked is dropped: it
        is delivered again, to whoever has its partition then. Another member may have committed it, and the partition
        may have come back, so that neither position nor commit would tell.
        """
        before = self._revocations.count
        more = await self._with_it()
        fetched_at = self._revocations.count
        for record in more if fetched_at > before else (first, *more):
            if self._revocations.count > fetched_at or (self._stopping and record is not first):
                return
            await self._handler(record)

    async def _in_batches(self, first: ConsumerRecord) -> None:
        """FastStream's own batches are not used: a member that finds nothing looks again twenty times a second."""
        consumer, records = self._subscriber.consumer, (first, *await self._with_it())
        if len(records) == self._most:  # more is here, or soon will be
            await self._handler(records)
            return
        # At once: when the client's fetching task has its turn, it would fetch the next record that comes, alone.
        consumer.pause(*consumer.assignment())
        try:
            await self._handler(records)
            await asyncio.sleep(self._gather_s)
        finally:
            consumer.resume(*consumer.assignment())

    async def _with_it(self) -> list[ConsumerRecord]:
        """What is here already, up to `most` with the first one."""
        if self._most == 1:
            return []
        try:
            found = await self._subscriber.consumer.getmany(max_records=self._most - 1)
        except KafkaError as error:  # of a partition from which nothing has come; it is raised again when it lasts
            logger.warning("subscription.read_failed", reason=described(error))
            return []
        return list(chain.from_iterable(found.values()))


class Revocations(ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts them, before the listener hears of one. The client hands over no record while one is under way."""

    def __init__(self, listener: ConsumerRebalanceListener | None) -> None:
        self.count = 0
        self._listener = listener

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        self.count += 1
        if self._listener is not None:
            await self._listener.on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        if self._listener is not None:
            await self._listener.on_partitions_assigned(assigned)


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
    listener: ConsumerRebalanceListener,
) -> Any:
    return broker.subscriber(
        *(topic.name for topic in topics),
        group_id=group,
        ack_policy=AckPolicy.MANUAL,
        auto_offset_reset="earliest",
        no_reply=True,
        parser=_parsed,
        decoder=_raw,
        listener=listener,
        fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
        consumer_timeout_ms=IDLE_LOOK_MS,
        session_timeout_ms=_SESSION_TIMEOUT_MS,
        rebalance_timeout_ms=_REBALANCE_TIMEOUT_MS,
        max_poll_interval_ms=_MAX_POLL_INTERVAL_MS,
    )


async def _parsed(record: Any) -> KafkaMessage:
    """Without a look into the record: FastStream's own parser decodes every header as UTF-8, and drops a record that
    has another value or none."""
    return KafkaMessage(body=b"", raw_message=record, consumer=FAKE_CONSUMER)


async def _raw(message: KafkaMessage) -> ConsumerRecord:
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
