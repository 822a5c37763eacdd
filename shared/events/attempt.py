"""An attempt: one call of one candidate, on record before it is made."""

from typing import ClassVar, Literal

from pydantic import UUID7, BaseModel, ConfigDict

from shared.errors import Failure
from shared.events.envelope import InferenceEvent, Instant

Outcome = Literal["succeeded", "failed"]


class CandidateConsidered(BaseModel):
    """One model that the selector looked at: chosen as a candidate, or passed over, and why."""

    model_config = ConfigDict(frozen=True)

    model: str
    reason: str
    chosen: bool


class AttemptStarted(InferenceEvent):
    """A call is about to be made. It is made only after this is acked and the claim has succeeded.

    attempt_number: from 1, over all models and deliveries of the inference.
    candidates: all that the selector considered, in order; only on the first attempt of a delivery.
    request_partition, request_offset: where the request lies, so that the monitor can read it back and redeliver it.
    """

    ce_type: ClassVar[str] = "tallygate.attempt.started.v1"

    attempt_id: UUID7
    attempt_number: int
    delivery: int
    model: str
    reason: str
    candidates: tuple[CandidateConsidered, ...] = ()
    operation_name: str = "chat"
    provider_name: str
    request_model: str
    model_requested: str | None = None
    server_address: str
    router_id: str
    accepted_at: Instant
    started_at: Instant
    deadline_at: Instant
    reply_partition: int | None = None
    store_result: bool = False
    request_partition: int
    request_offset: int


class AttemptEnded(InferenceEvent):
    """How one call ended. `error` is set when the outcome is `failed`; no prompt and no answer is in here.

    duration_s: from the start of the call to its end. cost_usd: None when no price is known.
    input_tokens: of the whole prompt. cache_read_tokens, cache_write_tokens: those among them that the endpoint read
    from its cache, and wrote to it.
    """

    ce_type: ClassVar[str] = "tallygate.attempt.ended.v1"

    attempt_id: UUID7
    attempt_number: int
    model: str
    server_address: str
    provider_name: str
    outcome: Outcome
    error: Failure | None = None
    started_at: Instant
    ended_at: Instant
    duration_s: float
    response_model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost_usd: float | None = None
    reported_by: str
