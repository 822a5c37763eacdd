"""An attempt: one call of one candidate, on record before it is made."""

from typing import Annotated, ClassVar, Literal

from pydantic import UUID7, BaseModel, ConfigDict, Field

from shared.errors import Failure
from shared.events.bounds import (
    Address,
    Count,
    Instant,
    LargeCount,
    Name,
    Partition,
    Reference,
    ReplyPartition,
    Seconds,
    Turn,
    Usd,
    Words,
)  # fmt: skip
from shared.events.envelope import InferenceEvent

Outcome = Literal["succeeded", "failed"]
# Who says how many tokens there were: the endpoint; an estimate from what was sent and came; nobody.
UsageState = Literal["reported", "estimated", "unknown"]


class CandidateConsidered(BaseModel):
    """One model that the selector looked at: chosen as a candidate, or passed over, and why."""

    model_config = ConfigDict(frozen=True)

    model: Name
    reason: Words
    chosen: bool


class AttemptStarted(InferenceEvent):
    """A call is about to be made. It is made only when this is acked and the claim has succeeded.

    attempt_number: from 1, over all models and deliveries of the inference.
    candidates: what the selector considered, in order; only on the first attempt of a delivery. Of more than 100 the
    last one, whose model is "…", says how many more there are.
    api_key_id: of the inference's caller; None: not known.
    request_partition, request_offset: where the request lies, so that the monitor can read it back and redeliver it. A
    partition from 50000 on is one of inference.bulk.v1: 50003 is its partition 3.
    """

    ce_type: ClassVar[str] = "tallygate.attempt.started.v1"

    attempt_id: UUID7
    attempt_number: Turn
    delivery: Turn
    model: Name
    reason: Words
    candidates: Annotated[tuple[CandidateConsidered, ...], Field(max_length=50_000)] = ()
    operation_name: Name = "chat"
    api_key_id: Name | None = None
    provider_name: Name
    request_model: Name
    model_requested: Reference | None = None
    server_address: Address
    router_id: Annotated[Name, Field(min_length=1)]  # whose heartbeats tell whether it lives
    accepted_at: Instant
    started_at: Instant
    deadline_at: Instant
    reply_partition: ReplyPartition | None = None
    store_result: bool = False
    request_partition: Partition
    request_offset: LargeCount


class InferenceHeld(InferenceEvent):
    """A router has claimed an inference, or is about to, and calls no model for it yet: it waits there for its turn.

    Published with the claim, as an AttemptStarted is. held_at: of the router's clock.
    handed_back: the router has let go of it and will not call for it; `held_at` is then that of the claim that it lets
    go of, a moment later, so that it says nothing about a later claim by somebody else. was_claimed: the claim that it
    lets go of had succeeded, so Kafka gives the request to nobody, and it can be handed out again at once.
    """

    ce_type: ClassVar[str] = "tallygate.inference.held.v1"

    delivery: Turn
    model_requested: Reference | None = None
    router_id: Name
    accepted_at: Instant
    held_at: Instant
    deadline_at: Instant
    reply_partition: ReplyPartition | None = None
    store_result: bool = False
    request_partition: Partition
    request_offset: LargeCount
    handed_back: bool = False
    was_claimed: bool = False


class AttemptEnded(InferenceEvent):
    """How one call ended. `error` is set when the outcome is `failed`; no prompt and no answer is in here.

    operation_name, api_key_id: as in its start, which may be read later than this; None: not known.
    duration_s: from the start of the call to its end. cost_usd: None when no price is known.
    input_tokens: of the whole prompt. cache_read_tokens, cache_write_tokens, input_audio_tokens: those among them that
    the endpoint read from its cache, wrote to it, and heard. output_tokens: all that the model made; reasoning_tokens,
    output_audio_tokens: those among them that it thought, and said aloud. None: not known; then usage_state is
    `unknown`, too. swept: the monitor closed it because nobody else had, a minute past the deadline.
    streamed: the answer was asked for chunk by chunk. first_chunk_s: from the start of the call to its first chunk that
    holds content; chunks: how many came.
    """

    ce_type: ClassVar[str] = "tallygate.attempt.ended.v1"

    attempt_id: UUID7
    attempt_number: Turn
    operation_name: Name | None = None
    api_key_id: Name | None = None
    model: Name
    server_address: Address
    provider_name: Name
    outcome: Outcome
    error: Failure | None = None
    started_at: Instant
    ended_at: Instant
    duration_s: Seconds
    response_model: Name | None = None
    finish_reasons: Annotated[tuple[Name, ...], Field(max_length=10_000)] = ()
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_tokens: Count = 0
    cache_write_tokens: Count = 0
    reasoning_tokens: Count = 0
    input_audio_tokens: Count = 0
    output_audio_tokens: Count = 0
    usage_state: UsageState = "unknown"
    cost_usd: Usd | None = None
    streamed: bool = False
    first_chunk_s: Seconds | None = None
    chunks: Count = 0
    reported_by: Name
    swept: bool = False
