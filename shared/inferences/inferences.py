"""Publish a request for an inference, wait for its answer, and cancel it.

The reply is expected before the request is published: a reply that nobody expects yet would be dropped.

    with inferences.expect(inference_id, order.tenant_id) as future:
        await inferences.publish(order, inference_id)
        answer = inferences.answer(await inferences.reply(order, inference_id, future))
"""

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.crypto import KeyRing, SealedContext, UnreadableSecretError, open_sealed, seal
from shared.errors import Failure, TallygateError, failure
from shared.events import (
    CancelRequested,
    InferenceRequested,
    Now,
    ReplyCompleted,
    ReplyFailed,
    ReplyTo,
    RoutingOptions,
    utc_now,
)
from shared.events.topics import CANCELLATIONS, requests_topic
from shared.inferences.answers import Answer, AnyReply, InferenceFailedError, NotAcknowledgedError, said_in
from shared.inferences.pending import Pending
from shared.inferences.results import Results
from shared.inferences.streams import AnswerStream, IncomingStream, StreamLimits
from shared.inferences.withdrawals import Withdrawals
from shared.kafka.publisher import Outgoing, Publisher
from shared.lane.payloads import LaneReply, reply_context
from shared.operations import Operation, WireFormat
from shared.priorities import Priority

_UNREADABLE_TIPS = (
    "Give this service the key that sealed it (TALLYGATE_KEYS), then restart it.",
    "Give a new key to all services before the first one seals with it: docs/runbooks/rotate-keys.md",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for.

    body: of the operation, in its form, as JSON bytes. passed_headers: as in the event.
    model: as the caller wrote it; None means auto. session, tags: what the caller says of it. priority: as granted.
    registry_version: of the tenant's models, as known here; a router with an older one reads them again.
    """

    tenant_id: str
    body: bytes
    model: str | None
    options: RoutingOptions
    accepted_at: datetime
    deadline_at: datetime
    api_key_id: str | None
    registry_version: int = 0
    traceparent: str | None = None
    operation: Operation = "chat"
    form: WireFormat = "openai"
    passed_headers: tuple[tuple[str, str], ...] = ()
    session: str | None = None
    tags: dict[str, str] | None = None
    priority: Priority = "normal"

    @property
    def remaining_s(self) -> float:
        """Seconds from acceptance to the deadline."""
        return max(0.0, (self.deadline_at - self.accepted_at).total_seconds())


class Inferences:
    """reply_partition, reply_to: where the replies to this process go, by the topic and by the lane.

    grace_s: how long to wait beyond the deadline, since routers end their calls at it and report then.
    """

    def __init__(
        self, publisher: Publisher, pending: Pending, results: Results, ring: KeyRing, reply_partition: int | None,
        grace_s: float, now: Now = utc_now, reply_to: ReplyTo | None = None,
        stream_limits: StreamLimits = StreamLimits(),  # noqa: B008 - a value
    ) -> None:  # fmt: skip
        self._publisher = publisher
        self._pending = pending
        self._results = results
        self._ring = ring
        self._reply_partition = reply_partition
        self._reply_to = reply_to
        self._stream_limits = stream_limits
        self._grace_s = grace_s
        self._now = now
        self._withdrawals = Withdrawals(publisher)

    async def stop(self) -> None:
        """What is to be cancelled still is, if the broker takes it at once."""
        await self._withdrawals.stop()

    def expect(self, inference_id: UUID, tenant_id: str) -> AbstractContextManager["asyncio.Future[AnyReply]"]:
        """A future of the reply to what will be published from here."""
        return self._pending.expect(inference_id, tenant_id)

    def expect_stored(self, inference_id: UUID, tenant_id: str) -> AbstractContextManager["asyncio.Future[AnyReply]"]:
        """As `expect`, for what is published with `store_result`, maybe by another process and long ago."""
        return self._results.expect(inference_id, tenant_id)

    async def publish(
        self, order: Order, inference_id: UUID, *, store_result: bool = False, republished: bool = False,
        awaited: bool = True,
    ) -> None:  # fmt: skip
        """republished: another process may have published it already; a router then asks the books before it takes it.
        awaited: by this process; otherwise only its stored result tells how it ended.

        Raises NotAcknowledgedError `unavailable`.
        """
        try:
            await self._publisher.publish(self._requested(order, inference_id, store_result, republished, awaited))
        except TallygateError as error:
            raise NotAcknowledgedError(error.failure, inference_id) from error

    async def publish_until_acked(self, order: Order, inference_id: UUID, *, store_result: bool = False) -> None:
        """As `publish`, again and again until the order's deadline."""
        request = self._requested(order, inference_id, store_result, republished=False)
        await self._publisher.publish_until_acked(request, until=order.deadline_at)

    async def reply(self, order: Order, inference_id: UUID, future: "asyncio.Future[AnyReply]") -> AnyReply:
        """Raises InferenceFailedError `expired` when none has come a moment after the deadline."""
        # By the clock, not since now: whoever sent an Idempotency-Key may have waited already for somebody to publish.
        left_s = max(0.0, (order.deadline_at - self._now()).total_seconds())
        try:
            async with asyncio.timeout(left_s + self._grace_s):
                return await future
        except TimeoutError:
            raise InferenceFailedError(_expired(order), inference_id, settlement="expired") from None

    @contextmanager
    def stream(self, order: Order, inference_id: UUID, *, stored: bool = False) -> Iterator[AnswerStream]:
        """The answer to what will be published from here, chunk by chunk. stored: as `expect_stored`; whoever asks for
        the same inference here follows it. It fails as `expired` a moment after the order's deadline."""

        def begin() -> IncomingStream:
            return IncomingStream(
                order.tenant_id, inference_id, order.form, self.answer, stored=stored, limits=self._stream_limits
            )

        left_s = max(0.0, (order.deadline_at - self._now()).total_seconds())
        watching = self._results.watching(inference_id) if stored else nullcontext()
        with self._pending.follow(inference_id, order.tenant_id, begin) as stream, watching:
            due = asyncio.get_running_loop().call_later(left_s + self._grace_s, stream.fail, _expired(order))
            try:
                yield stream
            finally:
                due.cancel()

    def answer(self, reply: AnyReply) -> Answer:
        """Opened. Raises InferenceFailedError when there is none, or none that can be opened."""
        said = said_in(reply)
        if isinstance(said, ReplyFailed):
            attempts = tuple(summary.model_dump() for summary in said.failed_attempts)
            raise InferenceFailedError(said.error, said.inference_id, attempts, said.attempts, said.settlement)
        body = reply.body if isinstance(reply, LaneReply) else self._opened(said)
        return Answer(said.inference_id, body, said.model_served, said.attempts)

    def _opened(self, reply: ReplyCompleted) -> bytes:
        context = reply_context(reply.tenant_id, reply.inference_id)
        try:
            return open_sealed(self._ring, context, reply.sealed_body)
        except UnreadableSecretError as error:
            detail = f"the answer cannot be opened: {error}"
            unreadable = failure("key_unreadable", detail, title="The answer cannot be opened", tips=_UNREADABLE_TIPS)
            raise InferenceFailedError(unreadable, reply.inference_id, attempts=reply.attempts) from None

    async def cancel(
        self, tenant_id: str, inference_id: UUID, traceparent: str | None, reason: Literal["asked", "disconnected"]
    ) -> None:
        """Raises TallygateError `unavailable` when the broker does not ack."""
        await self._publisher.publish(cancellation(tenant_id, inference_id, traceparent, reason))

    def withdraw(self, order: Order, inference_id: UUID) -> None:
        """Cancel in the background, until that is acked or the order's deadline has passed: nobody waits any more."""
        unwanted = cancellation(order.tenant_id, inference_id, order.traceparent, "disconnected")
        self._withdrawals.withdraw(unwanted, order.deadline_at)

    def _requested(
        self, order: Order, inference_id: UUID, store_result: bool, republished: bool, awaited: bool = True
    ) -> Outgoing:
        context = SealedContext(order.tenant_id, "input", str(inference_id))
        request = InferenceRequested(
            inference_id=inference_id,
            tenant_id=order.tenant_id,
            operation_name=order.operation,
            form=order.form,
            passed_headers=order.passed_headers,
            request_model=order.model,
            sealed_input=seal(self._ring, context, order.body),
            options=order.options,
            api_key_id=order.api_key_id,
            session=order.session,
            tags=order.tags,
            priority=order.priority,
            registry_version=order.registry_version,
            reply_partition=self._reply_partition if awaited else None,
            reply_to=self._reply_to if awaited else None,
            store_result=store_result,
            republished=republished,
            accepted_at=order.accepted_at,
            deadline_at=order.deadline_at,
        )
        return Outgoing(requests_topic(order.priority), request, order.traceparent)


def _expired(order: Order) -> Failure:
    return failure("expired", f"no answer within {order.remaining_s:.1f} s")


def cancellation(
    tenant_id: str, inference_id: UUID, traceparent: str | None, reason: Literal["asked", "disconnected"]
) -> Outgoing:
    event = CancelRequested(inference_id=inference_id, tenant_id=tenant_id, reason=reason)
    return Outgoing(CANCELLATIONS, event, traceparent)
