"""Answers that are awaited in this process: each waiter gets the first reply, whichever way it comes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from opentelemetry.trace import SpanKind

from shared.events import ReplyCompleted, ReplyFailed
from shared.events.codec import UnreadableMessageError, decode
from shared.events.envelope import context_in
from shared.events.topics import REPLIES
from shared.inferences.answers import AnyReply, Reply
from shared.inferences.streams import AnswerStream, IncomingStream
from shared.kafka import ConsumerRecord
from shared.telemetry import names
from shared.telemetry.traces import tracing

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Awaited:
    """One inference, and who waits for it here."""

    inference_id: UUID
    tenant_id: str
    futures: list["asyncio.Future[AnyReply]"] = field(default_factory=list)
    stream: IncomingStream | None = None

    @property
    def by_anybody(self) -> bool:
        return bool(self.futures) or self.stream is not None

    def resolve(self, reply: AnyReply) -> bool:
        """The first reply is the answer; another one (a redelivered inference) changes nothing. False when it leaves
        parts of a stream out which were not heard here: the stored one, which holds all, is then still awaited."""
        for future in self.futures:
            if not future.done():
                future.set_result(reply)
        return self.stream is None or self.stream.end(reply)


class Pending:
    def __init__(self) -> None:
        self._awaited: dict[bytes, Awaited] = {}
        self.waiting = 0  # for a reply
        self.streams = 0  # that are followed

    @contextmanager
    def expect(self, inference_id: UUID, tenant_id: str) -> Iterator["asyncio.Future[AnyReply]"]:
        """A future of the inference's reply. Several may wait for the same one."""
        awaited = self._await(inference_id, tenant_id)
        future: asyncio.Future[AnyReply] = asyncio.get_running_loop().create_future()
        awaited.futures.append(future)
        self.waiting += 1
        try:
            yield future
        finally:
            awaited.futures.remove(future)
            self._let_go(awaited)
            self.waiting -= 1

    @contextmanager
    def follow(self, inference_id: UUID, tenant_id: str, begin: Callable[[], IncomingStream]) -> Iterator[AnswerStream]:
        """The inference's answer as it comes. Several may follow the same one; `begin` makes it for the first."""
        awaited = self._await(inference_id, tenant_id)
        stream = awaited.stream = awaited.stream or begin()
        reader = stream.reader()
        self.streams += 1
        try:
            yield reader
        finally:
            stream.leave(reader)
            if not stream.readers:
                awaited.stream = None
            self._let_go(awaited)
            self.streams -= 1

    def awaited(self, inference_id: bytes) -> Awaited | None:
        """None when nobody waits for it."""
        return self._awaited.get(inference_id)

    def on_reply(self, record: ConsumerRecord) -> None:
        """For a ReplyReader. Processes may share the partition: what nobody waits for here is not even decoded."""
        if record.key not in self._awaited:
            return
        traced = tracing.start(f"{names.PROCESS} {REPLIES.name}", SpanKind.CONSUMER,
                               context_in(record.headers) if tracing.enabled else None)  # fmt: skip
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

    def _await(self, inference_id: UUID, tenant_id: str) -> Awaited:
        if (awaited := self._awaited.get(inference_id.bytes)) is None:
            awaited = self._awaited[inference_id.bytes] = Awaited(inference_id, tenant_id)
        return awaited

    def _let_go(self, awaited: Awaited) -> None:
        if not awaited.by_anybody:
            del self._awaited[awaited.inference_id.bytes]
