"""An inference: asked for, and settled."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.errors import Failure
from shared.events.envelope import InferenceEvent, Instant, utc_now
from shared.policies import Policy

DEFAULT_DEADLINE_S = 120.0

Settlement = Literal["completed", "failed", "rejected", "expired", "cancelled"]


class RoutingOptions(BaseModel):
    """What the caller said about routing.

    policy: how models are chosen when none is named; None: as the tenant's terms say.
    no_fallback: try only the model that was named.
    allow_inactive: also call a model that is registered but not active (connection tests).
    allowed_models: patterns of model ids that the caller's key may use; None: all of the tenant's.
    """

    model_config = ConfigDict(frozen=True)

    policy: Policy | None = None
    no_fallback: bool = False
    allow_inactive: bool = False
    allowed_models: tuple[str, ...] | None = None


class InferenceRequested(InferenceEvent):
    """A caller wants a completion. Exactly one of `input` (plain) and `sealed_input` is set.

    input: an OpenAI chat-completions body. sealed_input: the same, as bytes, sealed (tenant, "input", inference_id).
    request_model: as the caller wrote it; None means auto.
    registry_version: the tenant's registry version that the gateway knew; a router with an older one reads again.
    reply_partition: of inference.replies.v1, where the reply goes; None: no reply is wanted.
    store_result: the answer also goes to inference.results.v1, to be fetched later.
    republished: the same request may lie on the topic already, and a router asks the books before it takes it.
    delivery: how many times this inference was handed to routers, this time included. attempts_made: calls of earlier
    deliveries.
    """

    ce_type: ClassVar[str] = "tallygate.inference.requested.v1"

    operation_name: Literal["chat"] = "chat"
    request_model: str | None = Field(default=None, max_length=256, pattern=r"^[^\x00]*$")
    input: dict[str, Any] | None = None
    sealed_input: str | None = None
    options: RoutingOptions = RoutingOptions()
    api_key_id: str | None = None
    registry_version: int = 0
    reply_partition: int | None = Field(default=None, ge=0)
    store_result: bool = False
    republished: bool = False
    accepted_at: Instant = Field(default_factory=utc_now)
    deadline_at: Instant | None = None
    delivery: int = Field(default=1, ge=1)
    attempts_made: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _has_one_input(self) -> Self:
        if (self.input is None) == (self.sealed_input is None):
            raise ValueError("exactly one of input and sealed_input must be given")
        return self

    @property
    def expires_at(self) -> datetime:
        return self.deadline_at or self.accepted_at + timedelta(seconds=DEFAULT_DEADLINE_S)


class InferenceSettled(InferenceEvent):
    """How an inference ended. The first settlement is effective; a later one is kept and marked late.

    first_model: the candidate that was called first. model_served: the one that answered, when one did.
    server_address: host:port of the endpoint that was called last.
    attempts: calls made over all deliveries. duration_s: from acceptance to settlement.
    reported_by: "<service>/<instance>" that published it.
    """

    ce_type: ClassVar[str] = "tallygate.inference.settled.v1"

    settlement: Settlement
    model_requested: str | None = None
    first_model: str | None = None
    model_served: str | None = None
    server_address: str | None = None
    attempts: int = 0
    delivery: int = 1
    error: Failure | None = None
    accepted_at: Instant
    settled_at: Instant
    duration_s: float
    reported_by: str


class CancelRequested(InferenceEvent):
    """The caller cancels an inference, whether it waits for a router or is in flight."""

    ce_type: ClassVar[str] = "tallygate.cancellation.requested.v1"

    requested_at: Instant = Field(default_factory=utc_now)
    reason: Literal["asked", "disconnected"] = "asked"
