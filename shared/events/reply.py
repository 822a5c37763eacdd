"""What goes back to the process that waits for an inference. Content is sealed for (tenant, "reply", inference_id)."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from shared.errors import ErrorType, Failure
from shared.events.envelope import InferenceEvent
from shared.events.inference import Settlement


class AttemptSummary(BaseModel):
    """One failed call, as it is shown to the caller."""

    model_config = ConfigDict(frozen=True)

    model: str
    error_type: ErrorType
    upstream_status: int | None = None
    detail: str


class ReplyCompleted(InferenceEvent):
    """The answer. sealed_body: an OpenAI chat completion (JSON bytes), sealed."""

    ce_type: ClassVar[str] = "tallygate.reply.completed.v1"

    sealed_body: str
    model_served: str
    attempts: int


class ReplyFailed(InferenceEvent):
    """No answer, and why; `failed_attempts` lists every call that was made."""

    ce_type: ClassVar[str] = "tallygate.reply.failed.v1"

    settlement: Settlement
    error: Failure
    failed_attempts: tuple[AttemptSummary, ...] = ()
    attempts: int = 0
