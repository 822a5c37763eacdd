"""What goes back to the process that waits for an inference. Content is sealed for (tenant, "reply", inference_id)."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.errors import ErrorType, Failure
from shared.events.bounds import Count, Name, Sealed, Turn, Words
from shared.events.envelope import InferenceEvent
from shared.events.inference import Settlement


class AttemptSummary(BaseModel):
    """One failed call, as it is shown to the caller."""

    model_config = ConfigDict(frozen=True)

    model: Name
    error_type: ErrorType
    upstream_status: Count | None = None
    detail: Words


class ReplyCompleted(InferenceEvent):
    """The answer. sealed_body: sealed, and what `form` says: an OpenAI chat completion (JSON bytes), or the chunks of a
    streamed one, as `shared.wire.reading.chunk_log` writes them.

    attempt_number: of the call that brought it. chunk_frames: how many frames of chunks the router sent of that call by
    the lane; a gateway that has heard fewer has not heard all.
    """

    ce_type: ClassVar[str] = "tallygate.reply.completed.v1"

    sealed_body: Sealed
    form: Literal["completion", "chunks"] = "completion"
    model_served: Name
    attempts: Count
    attempt_number: Turn = 1
    chunk_frames: Count = 0


class ReplyFailed(InferenceEvent):
    """No answer, and why; `failed_attempts` lists every call that was made."""

    ce_type: ClassVar[str] = "tallygate.reply.failed.v1"

    settlement: Settlement
    error: Failure
    failed_attempts: Annotated[tuple[AttemptSummary, ...], Field(max_length=10_000)] = ()
    attempts: Count = 0
