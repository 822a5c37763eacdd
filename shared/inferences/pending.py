"""Answers that are awaited in this process: each waiter gets the first reply, whichever way it comes."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind

from shared.events import ReplyCompleted, ReplyFailed
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import header
from shared.events.topics import REPLIES
from shared.kafka import ConsumerRecord
from shared.lane.payloads import LaneReply
from shared.telemetry import names
from shared.telemetry.instruments import waiting
from shared.telemetry.traces import TRACEPARENT, tracing

logger = structlog.get_logger(__name__)

Reply = ReplyCompleted | ReplyFailed
AnyReply = Reply | LaneReply  # by a topic or a table, sealed; or by the lane


@dataclass(slots=True)
class Awaited:
    """One inference, and who waits for it here."""

    inference_id: UUID
    tenant_id: str
    futures: list["asyncio.Future[AnyReply]"] = field(default_factory=list)

    def resolve(self, reply: AnyReply) -> None:
        """The first reply is the answer; another one (a redelivered inference) changes nothing."""
        for future in self.futures:
            if not future.done():
                future.set_result(reply)


class Pending:
    def __init__(self) -> None:
        self._awaited: dict[bytes, Awaited] = {}
        self._waiting = 0

    @contextmanager
    def expect(self, inference_id: UUID, tenant_id: str) -> Iterator["asyncio.Future[AnyReply]"]:
        """A future of the inference's reply. Several may wait for the same one."""
        awaited = self._awaited.setdefault(inference_id.bytes, Awaited(inference_id, tenant_id))
        future: asyncio.Future[AnyReply] = asyncio.get_running_loop().create_future()
        awaited.futures.append(future)
        self._count(1)
        try:
            yield future
        finally:
            awaited.futures.remove(future)
            if not awaited.futures:
                del self._awaited[inference_id.bytes]
            self._count(-1)

    def awaited(self, inference_id: bytes) -> Awaited | None:
        """None when nobody waits for it."""
        return self._awaited.get(inference_id)

    def on_reply(self, record: ConsumerRecord) -> None:
        """For a ReplyReader. Processes may share the partition: what nobody waits for here is not even decoded."""
        if record.key not in self._awaited:
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
        if (awaited := self._awaited.get(reply.key)) is not None:
            awaited.resolve(reply)

    def _count(self, change: int) -> None:
        self._waiting += change
        waiting.set(self._waiting)
