"""Publish a request and wait for its answer."""

import asyncio
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.gateway.admission import Admitted
from services.gateway.pending import Accepted, Pending, Reply
from shared.access import Caller
from shared.crypto import KeyRing, SealedContext, open_sealed, seal
from shared.errors import Failure, TallygateError, failure
from shared.events import InferenceRequested, ReplyCompleted, ReplyFailed, RoutingOptions, new_id
from shared.events.publisher import Outgoing, Publisher
from shared.events.topics import REQUESTS

# The router ends what it does at the deadline and then reports; its word is worth a moment's wait.
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion. `body`: the OpenAI chat completion as JSON bytes."""

    inference_id: UUID
    body: bytes
    model: str
    attempts: int


class InferenceFailedError(TallygateError):
    """The inference was accepted and has no answer; says which calls were made and how each failed."""

    def __init__(
        self, known: Failure, inference_id: UUID, failed_attempts: tuple[dict[str, Any], ...], attempts: int
    ) -> None:
        super().__init__(known.error_type, known.detail)
        self.failure = known
        self.inference_id = inference_id
        self.failed_attempts = failed_attempts
        self.attempts = attempts


class Inferences:
    def __init__(self, publisher: Publisher, pending: Pending, ring: KeyRing, reply_partition: int) -> None:
        self._publisher = publisher
        self._pending = pending
        self._ring = ring
        self._reply_partition = reply_partition

    async def complete(
        self, caller: Caller, admitted: Admitted, registry_version: int, traceparent: str | None
    ) -> Answer:
        """The answer, or an InferenceFailedError. Raises TallygateError `unavailable` when the broker does not ack."""
        request = self._requested(caller, admitted, registry_version)
        with self._pending.expect(request.inference_id) as future:
            await self._publisher.publish(Outgoing(REQUESTS, request, traceparent))
            self._pending.accepted(
                request.inference_id, Accepted(caller.tenant_id, admitted.model, admitted.accepted_at)
            )
            try:
                async with asyncio.timeout(admitted.remaining_s + _GRACE_S):
                    reply = await future
            except TimeoutError:
                raise _expired(request, admitted) from None
        self._pending.answered(request.inference_id)
        return self._answer(reply)

    def _requested(self, caller: Caller, admitted: Admitted, registry_version: int) -> InferenceRequested:
        inference_id = new_id()
        context = SealedContext(caller.tenant_id, "input", str(inference_id))
        return InferenceRequested(
            inference_id=inference_id,
            tenant_id=caller.tenant_id,
            request_model=admitted.model,
            sealed_input=seal(self._ring, context, admitted.body),
            options=RoutingOptions(no_fallback=admitted.no_fallback, allow_inactive=admitted.allow_inactive),
            api_key_id=caller.key_id,
            registry_version=registry_version,
            reply_partition=self._reply_partition,
            accepted_at=admitted.accepted_at,
            deadline_at=admitted.deadline_at,
        )

    def _answer(self, reply: Reply) -> Answer:
        if isinstance(reply, ReplyFailed):
            raise _failed(reply)
        return self._opened(reply)

    def _opened(self, reply: ReplyCompleted) -> Answer:
        context = SealedContext(reply.tenant_id, "reply", str(reply.inference_id))
        body = open_sealed(self._ring, context, reply.sealed_body)
        return Answer(reply.inference_id, body, reply.model_served, reply.attempts)


def _failed(reply: ReplyFailed) -> InferenceFailedError:
    attempts = tuple(summary.model_dump() for summary in reply.failed_attempts)
    return InferenceFailedError(reply.error, reply.inference_id, attempts, reply.attempts)


def _expired(request: InferenceRequested, admitted: Admitted) -> InferenceFailedError:
    told = failure("expired", f"no answer within {admitted.remaining_s:.1f} s")
    return InferenceFailedError(told, request.inference_id, (), 0)
