"""Publish a request, wait for its answer, and take it back."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from starlette.requests import ClientDisconnect

from services.gateway.inference.admission import Admitted
from services.gateway.inference.pending import Accepted, Pending, Reply
from shared.access import Caller
from shared.crypto import KeyRing, SealedContext, open_sealed, seal
from shared.errors import Failure, TallygateError, failure
from shared.events import CancelRequested, InferenceRequested, ReplyCompleted, ReplyFailed, new_id
from shared.events.topics import CANCELLATIONS, REQUESTS
from shared.kafka.publisher import Outgoing, Publisher

# The router ends what it does at the deadline and then reports; its word is worth a moment's wait.
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller wants. `left`: returns when the caller is gone; None when that changes nothing."""

    caller: Caller
    admitted: Admitted
    registry_version: int
    traceparent: str | None
    left: Callable[[], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion. `body`: the OpenAI chat completion as JSON bytes. `replayed`: another request was first."""

    inference_id: UUID
    body: bytes
    model: str
    attempts: int
    replayed: bool = False


class InferenceFailedError(TallygateError):
    """The inference has an id and no answer; says which calls were made and how each failed."""

    def __init__(
        self, known: Failure, inference_id: UUID, failed_attempts: tuple[dict[str, Any], ...] = (), attempts: int = 0
    ) -> None:
        super().__init__(known.error_type, known.detail)
        self.failure = known
        self.inference_id = inference_id
        self.failed_attempts = failed_attempts
        self.attempts = attempts
        self.replayed = False


class Inferences:
    def __init__(self, publisher: Publisher, pending: Pending, ring: KeyRing, reply_partition: int) -> None:
        self._publisher = publisher
        self._pending = pending
        self._ring = ring
        self._reply_partition = reply_partition

    async def complete(self, order: Order) -> Answer:
        """The answer, or an InferenceFailedError. Raises TallygateError `unavailable` when the broker does not ack."""
        inference_id = new_id()
        with self._pending.expect(inference_id) as future:
            await self.publish(order, inference_id)
            return self.answer(await self.reply(order, inference_id, future))

    async def publish(
        self, order: Order, inference_id: UUID, *, store_result: bool = False, republished: bool = False
    ) -> None:
        """republished: somebody else may have published it, and nobody knows."""
        request = self._requested(order, inference_id, store_result=store_result, republished=republished)
        await self._publisher.publish(Outgoing(REQUESTS, request, order.traceparent))
        admitted = order.admitted
        self._pending.accepted(inference_id, Accepted(order.caller.tenant_id, admitted.model, admitted.accepted_at))

    async def reply(self, order: Order, inference_id: UUID, future: asyncio.Future[Reply]) -> Reply:
        """Raises InferenceFailedError `expired` when none has come a moment after the deadline."""
        admitted = order.admitted
        try:
            async with asyncio.timeout(admitted.remaining_s + _GRACE_S):
                reply = await (future if order.left is None else self._reply_unless_left(order, inference_id, future))
        except TimeoutError:
            told = failure("expired", f"no answer within {admitted.remaining_s:.1f} s")
            raise InferenceFailedError(told, inference_id) from None
        self._pending.answered(inference_id)
        return reply

    def answer(self, reply: Reply) -> Answer:
        if isinstance(reply, ReplyFailed):
            raise _failed(reply)
        return self._opened(reply)

    async def cancel(
        self, tenant_id: str, inference_id: UUID, traceparent: str | None, reason: Literal["asked", "disconnected"]
    ) -> None:
        event = CancelRequested(inference_id=inference_id, tenant_id=tenant_id, reason=reason)
        await self._publisher.publish(Outgoing(CANCELLATIONS, event, traceparent))

    async def _reply_unless_left(self, order: Order, inference_id: UUID, future: asyncio.Future[Reply]) -> Reply:
        if order.left is None:
            return await future
        left = asyncio.ensure_future(order.left())
        try:
            await asyncio.wait((future, left), return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                await self.cancel(order.caller.tenant_id, inference_id, order.traceparent, "disconnected")
                raise ClientDisconnect
            return future.result()
        finally:
            left.cancel()

    def _requested(
        self, order: Order, inference_id: UUID, *, store_result: bool, republished: bool
    ) -> InferenceRequested:
        caller, admitted = order.caller, order.admitted
        context = SealedContext(caller.tenant_id, "input", str(inference_id))
        return InferenceRequested(
            inference_id=inference_id,
            tenant_id=caller.tenant_id,
            request_model=admitted.model,
            sealed_input=seal(self._ring, context, admitted.body),
            options=admitted.options.model_copy(update={"allowed_models": caller.allowed_models}),
            api_key_id=caller.key_id,
            registry_version=order.registry_version,
            reply_partition=self._reply_partition,
            store_result=store_result,
            republished=republished,
            accepted_at=admitted.accepted_at,
            deadline_at=admitted.deadline_at,
        )

    def _opened(self, reply: ReplyCompleted) -> Answer:
        context = SealedContext(reply.tenant_id, "reply", str(reply.inference_id))
        body = open_sealed(self._ring, context, reply.sealed_body)
        return Answer(reply.inference_id, body, reply.model_served, reply.attempts)


def _failed(reply: ReplyFailed) -> InferenceFailedError:
    attempts = tuple(summary.model_dump() for summary in reply.failed_attempts)
    return InferenceFailedError(reply.error, reply.inference_id, attempts, reply.attempts)
