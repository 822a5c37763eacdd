"""Model calls of a job: inferences like all others, each made once, whichever worker asks for it.

The inference id of a call is in the database before the request is published. A worker that takes the job over finds
the answers that the last worker got, and waits for the inferences that it had published. An id that was made only in
memory would die with its worker, and the next one would pay for the same call again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from services.features.codegen.generators.contract import Reply
from services.features.steps import Steps
from services.features.store import FeaturesStore
from services.features.writing import Writing, Written, told
from shared.crypto import KeyRing
from shared.errors import Failure, TallygateError
from shared.events import FeatureRequested, RoutingOptions, new_id, utc_now
from shared.inferences import Answer, InferenceFailedError, Inferences, Order
from shared.selection import needs_of
from shared.wire import CompletionRead, read_completion
from shared.wire.reading.usage import estimated, is_counted


@dataclass(frozen=True, slots=True)
class Lines:
    """What a call needs. call_timeout_s: for one call, within the job's own deadline. streamed: routers can tell this
    process of an answer while it comes."""

    inferences: Inferences
    store: FeaturesStore
    ring: KeyRing
    call_timeout_s: float
    streamed: bool


class Asking:
    """An `Ask` for one job. written: told how many characters of an answer have come. streamed: all models can."""

    def __init__(
        self, lines: Lines, request: FeatureRequested, steps: Steps, traceparent: str | None, written: Written,
        *, streamed: bool,
    ) -> None:  # fmt: skip
        self._lines = lines
        self._streamed = lines.streamed and streamed
        self._written = written
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
        """Raises TallygateError when no model answered; asked again by the same key, it raises the same one."""
        body = _body(messages, max_tokens, json_schema)
        value = await self._value(f"call.{key}", body | {"stream": True} if self._streamed else body)
        if value.get("error") is not None and value.get("characters"):
            # No router tries again what has begun to come, lest its reader sees two answers in one. Nobody reads this
            # one before it is whole, so that it may as well be asked for anew, and then as a whole.
            value = await self._value(f"call.{key}.whole", body)
        if value.get("error") is not None:
            raise TallygateError.of(Failure.model_validate(value["error"]))
        return Reply(value["text"], value["finish_reason"], value["model"], value["inference_id"])

    async def _value(self, step_key: str, body: dict[str, Any]) -> dict[str, Any]:
        """The value of the step, for which the model is called unless that was done before."""
        value = await self._steps.value(step_key)
        if value is None:
            value = await self._called(step_key, self._order(body))
            await self._steps.finish(step_key, value)
        return value

    async def _called(self, step_key: str, order: Order) -> dict[str, Any]:
        """The parts of the answer that are used, or the error of the inference and how much had come before it."""
        writing = Writing()
        try:
            async with told(writing, self._written):
                answer = await self._answer(step_key, order, writing)
        except InferenceFailedError as error:
            failed = {"error": error.failure.model_dump(mode="json"), "inference_id": str(error.inference_id)}
            return failed | {"characters": writing.characters}
        kept = kept_of(
            read_completion(writing.completion), lambda: needs_of(None, orjson.loads(order.body)).prompt_tokens
        )
        return kept | {"model": answer.model, "inference_id": str(answer.inference_id), "error": None}

    async def _answer(self, step_key: str, order: Order, writing: Writing) -> Answer:
        """Who answered the step's call, which is published here unless its publication was marked as acked before."""
        store, inferences, feature_id = self._lines.store, self._lines.inferences, self._request.feature_id
        call = await store.call(order.tenant_id, feature_id, step_key, new_id())
        if call.inference_id is None:
            raise LookupError(f"step {step_key} of {feature_id} is no call")
        # Stored, because the reply itself may have gone to a worker that died, or have come before this one listened.
        with inferences.stream(order, call.inference_id, stored=True) as stream:
            if not call.published:
                # Marked after the ack. Marked before it, a worker that died in between would leave a call that is
                # never published, and the next one would wait for its answer until the deadline.
                await inferences.publish_until_acked(order, call.inference_id, store_result=True)
                await store.published(feature_id, step_key, utc_now())
            async for lines in stream:
                writing.add(lines)
        if stream.answer is None:
            raise LookupError(f"the answer to step {step_key} of {feature_id} has ended without a word")
        return stream.answer

    def _order(self, body: dict[str, Any]) -> Order:
        request, now = self._request, utc_now()
        return Order(
            tenant_id=request.tenant_id,
            body=orjson.dumps(body),
            model=request.model,
            options=RoutingOptions(policy=request.policy, allowed_models=request.allowed_models),
            accepted_at=now,
            deadline_at=min(request.expires_at, now + timedelta(seconds=self._lines.call_timeout_s)),
            api_key_id=request.api_key_id,
            session=request.session,
            tags=request.tags,
            priority=request.priority,
            traceparent=self._traceparent,
        )


def kept_of(read: CompletionRead, prompt_tokens: Callable[[], int]) -> dict[str, Any]:
    """What a step keeps of an answer. Tokens that the endpoint did not count are estimated."""
    said, characters = read.usage, read.characters
    usage = said if is_counted(said, characters) else estimated(said, characters, prompt_tokens)
    return {
        "text": read.text,
        "finish_reason": read.finish_reason,
        "input_tokens": usage.input_tokens or 0,
        "output_tokens": usage.output_tokens or 0,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }


def _body(messages: Sequence[dict[str, Any]], max_tokens: int, json_schema: dict[str, Any] | None) -> dict[str, Any]:
    body: dict[str, Any] = {"messages": list(messages), "max_tokens": max_tokens, "temperature": 0.2}
    if json_schema is not None:
        named = {"name": "answer", "schema": json_schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return body
