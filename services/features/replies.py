"""Replies to the model calls of this worker's jobs: heard as they come, or found among the stored results."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import structlog

from services.features.store import FeaturesStore
from shared.db.pool import RETRYABLE
from shared.events import ReplyCompleted, ReplyFailed
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import CE_TYPE, KafkaHeaders
from shared.events.topics import REPLIES
from shared.kafka import ConsumerRecord

logger = structlog.get_logger(__name__)

Reply = ReplyCompleted | ReplyFailed

_LOOK_EVERY_S = 1.0


class Replies:
    def __init__(self, store: FeaturesStore) -> None:
        self._store = store
        self._futures: dict[bytes, asyncio.Future[Reply]] = {}

    def on_reply(self, record: ConsumerRecord) -> None:
        """Others share the partition: what nobody waits for here is not even decoded."""
        future = self._futures.get(record.key)
        if future is not None and not future.done() and (reply := _decoded(record.headers, record.value)):
            future.set_result(reply)

    @contextmanager
    def expected(self, inference_id: UUID) -> Iterator[asyncio.Future[Reply]]:
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._futures[inference_id.bytes] = future
        try:
            yield future
        finally:
            del self._futures[inference_id.bytes]

    async def reply(self, inference_id: UUID, future: asyncio.Future[Reply], timeout_s: float) -> Reply:
        """The reply, whoever hears of it first. Raises TimeoutError."""
        async with asyncio.timeout(timeout_s):
            while not future.done():
                with suppress(TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(future), _LOOK_EVERY_S)
                if (stored := await self._stored(inference_id)) is not None:
                    return stored
            return future.result()

    async def _stored(self, inference_id: UUID) -> Reply | None:
        """The reply went to a worker that died, or was said while this one could not hear."""
        try:
            found = await self._store.stored_reply(inference_id)
        except RETRYABLE as error:
            logger.warning("reply.not_looked_up", reason=type(error).__name__)
            return None
        return _decoded([(CE_TYPE, found.ce_type.encode())], found.event) if found is not None else None


def _decoded(headers: KafkaHeaders, body: bytes | None) -> Reply | None:
    try:
        reply = decode(REPLIES, headers, body)
    except UnreadableMessageError as error:
        logger.warning("reply.unreadable", reason=str(error))
        return None
    return reply if isinstance(reply, ReplyCompleted | ReplyFailed) else None
