"""Answers that are awaited in this process: one future per waiter, resolved when the reply is read."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind

from shared.events import ReplyCompleted, ReplyFailed
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import header
from shared.events.topics import REPLIES
from shared.kafka import ConsumerRecord
from shared.telemetry import names
from shared.telemetry.instruments import waiting
from shared.telemetry.traces import TRACEPARENT, tracing

logger = structlog.get_logger(__name__)

Reply = ReplyCompleted | ReplyFailed


class Pending:
    def __init__(self) -> None:
        self._futures: dict[bytes, list[asyncio.Future[Reply]]] = {}
        self._waiting = 0

    @contextmanager
    def expect(self, inference_id: UUID) -> Iterator[asyncio.Future[Reply]]:
        """A future of the inference's reply. Several may wait for the same one."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        futures = self._futures.setdefault(inference_id.bytes, [])
        futures.append(future)
        self._count(1)
        try:
            yield future
        finally:
            futures.remove(future)
            if not futures:
                del self._futures[inference_id.bytes]
            self._count(-1)

    def on_reply(self, record: ConsumerRecord) -> None:
        """For a ReplyReader. Processes may share the partition: what nobody waits for here is not even decoded."""
        if record.key not in self._futures:
            return
        traced = tracing.start(f"{names.PROCESS} {REPLIES.name}", SpanKind.CONSUMER,
                               header(record.headers, TRACEPARENT) if tracing.enabled else None)  # fmt: skip
        try:
            reply = decode(REPLIES, record.headers, record.value)
        except UnreadableMessageError as error:
            logger.warning("reply.unreadable", reason=str(error), partition=record.partition, offset=record.offset)
            traced.fail("bad_response")
            return
        finally:
            traced.end()
        if isinstance(reply, ReplyCompleted | ReplyFailed):
            self.resolve(reply)

    def resolve(self, reply: Reply) -> None:
        """The first reply is the answer; another one (a redelivered inference) changes nothing."""
        for future in self._futures.get(reply.key, ()):
            if not future.done():
                future.set_result(reply)

    def _count(self, change: int) -> None:
        self._waiting += change
        waiting.set(self._waiting)
