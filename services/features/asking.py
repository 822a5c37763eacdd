"""Model calls of a job: published like everybody's, and each of them made once, whichever worker asks for it.

The id of a call is in the database before it is published. A worker that goes on with a job finds the answers that
its predecessor got, and waits for those that it had asked for.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog

from services.features.codegen.generators.contract import Reply
from services.features.replies import Replies
from services.features.replies import Reply as ReplyEvent
from services.features.steps import Steps
from services.features.store import FeaturesStore
from shared.crypto import KeyRing, SealedContext, open_sealed, seal
from shared.errors import Failure, TallygateError, failure
from shared.events import FeatureRequested, InferenceRequested, ReplyFailed, RoutingOptions, new_id, utc_now
from shared.events.topics import REQUESTS
from shared.kafka.publisher import Outgoing, Publisher
from shared.wire import CompletionRead, read_completion

logger = structlog.get_logger(__name__)

_RETRY_S = 0.5
_GRACE_S = 5.0  # routers report at the deadline, and their word is worth a moment's wait


@dataclass(frozen=True, slots=True)
class Lines:
    """What calls travel by. call_timeout_s: for one of them, within the job's own deadline."""

    publisher: Publisher
    replies: Replies
    store: FeaturesStore
    ring: KeyRing
    reply_partition: int
    call_timeout_s: float


class Asking:
    """An `Ask` for one job."""

    def __init__(self, lines: Lines, request: FeatureRequested, steps: Steps, traceparent: str | None) -> None:
        self._lines = lines
        self._request = request
        self._steps = steps
        self._traceparent = traceparent

    async def __call__(
        self,
        key: str,
        messages: Sequence[dict[str, Any]],
        *,
        max_tokens: int,
        json_schema: dict[str, Any] | None = None,
    ) -> Reply:
        """Raises TallygateError when no model answered; the same one when it is asked for again."""
        step_key = f"call.{key}"
        told = await self._steps.value(step_key)
        if told is None:
            told = await self._made(step_key, _body(messages, max_tokens, json_schema))
            await self._steps.finish(step_key, told)
        if told.get("error") is not None:
            raise TallygateError.of(Failure.model_validate(told["error"]))
        return Reply(told["text"], told["finish_reason"], told["model"], told["inference_id"])

    async def _made(self, step_key: str, body: dict[str, Any]) -> dict[str, Any]:
        lines, request = self._lines, self._request
        call = await lines.store.call(request.tenant_id, request.feature_id, step_key, new_id())
        if call.inference_id is None:
            raise LookupError(f"step {step_key} of {request.feature_id} is no call")
        now = utc_now()
        deadline_at = min(request.expires_at, now + timedelta(seconds=lines.call_timeout_s))
        event = self._requested(call.inference_id, body, now, deadline_at)
        with lines.replies.expected(call.inference_id) as future:
            if not call.published:
                await self._publish(event)
                await lines.store.published(request.feature_id, step_key, utc_now())
            try:
                timeout_s = max(0.0, (deadline_at - now).total_seconds()) + _GRACE_S
                return self._told(await lines.replies.reply(call.inference_id, future, timeout_s), event)
            except TimeoutError:
                told = failure("expired", f"no model answered within {timeout_s:.0f} s")
                return {"error": told.model_dump(mode="json"), "inference_id": str(call.inference_id)}

    async def _publish(self, event: InferenceRequested) -> None:
        """Waits for the broker until the call's deadline."""
        while True:
            try:
                await self._lines.publisher.publish(Outgoing(REQUESTS, event, self._traceparent))
            except TallygateError:
                if utc_now() >= event.expires_at:
                    raise
                await asyncio.sleep(_RETRY_S)
            else:
                return

    def _requested(
        self, inference_id: Any, body: dict[str, Any], now: datetime, deadline_at: datetime
    ) -> InferenceRequested:
        request = self._request
        context = SealedContext(request.tenant_id, "input", str(inference_id))
        return InferenceRequested(
            inference_id=inference_id,
            tenant_id=request.tenant_id,
            request_model=request.model,
            sealed_input=seal(self._lines.ring, context, orjson.dumps(body)),
            options=RoutingOptions(policy=request.policy, allowed_models=request.allowed_models),
            api_key_id=request.api_key_id,
            reply_partition=self._lines.reply_partition,
            store_result=True,
            accepted_at=now,
            deadline_at=deadline_at,
        )

    def _told(self, reply: ReplyEvent, event: InferenceRequested) -> dict[str, Any]:
        """What is kept of a reply: the answer's text, or its error."""
        inference_id = str(event.inference_id)
        if isinstance(reply, ReplyFailed):
            return {"error": reply.error.model_dump(mode="json"), "inference_id": inference_id}
        context = SealedContext(reply.tenant_id, "reply", inference_id)
        read = read_completion(orjson.loads(open_sealed(self._lines.ring, context, reply.sealed_body)))
        return kept_of(read) | {"model": reply.model_served, "inference_id": inference_id, "error": None}


def kept_of(read: CompletionRead) -> dict[str, Any]:
    """What a step keeps of an answer, and job.py counts; what the endpoint did not count is 0."""
    return {
        "text": read.text,
        "finish_reason": read.finish_reason,
        "input_tokens": read.usage.input_tokens or 0,
        "output_tokens": read.usage.output_tokens or 0,
        "cache_read_tokens": read.usage.cache_read_tokens,
        "cache_write_tokens": read.usage.cache_write_tokens,
    }


def _body(messages: Sequence[dict[str, Any]], max_tokens: int, json_schema: dict[str, Any] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": list(messages), "max_tokens": max_tokens, "temperature": 0.2}
    if json_schema is not None:
        named = {"name": "answer", "schema": json_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body
