"""An inference: asked for, and settled."""

from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

import orjson
from pydantic import UUID7, BaseModel, ConfigDict, Field, model_validator

from shared.clock import utc_now
from shared.errors import Failure
from shared.events.attempt import AttemptEnded
from shared.events.bounds import (
    MAX_LIFE_DAYS,
    Address,
    Count,
    Instant,
    LargeCount,
    Name,
    PassedHeaders,
    Patterns,
    Reference,
    ReplyPartition,
    Sealed,
    Seconds,
    Session,
    Tags,
    Turn,
)  # fmt: skip
from shared.events.envelope import InferenceEvent, TenantId
from shared.operations import Operation, WireFormat
from shared.policies import Policy
from shared.priorities import Priority

DEFAULT_DEADLINE_S = 120.0
PROBE = "probe"  # in place of a key's id: nobody has asked, the monitor tries the model (decision 0037)
# In place of a key's id: a copy for a model that is tried, booked apart (decision 0046). Its tag says of what.
SHADOW, SHADOW_OF = "shadow", "shadow_of"
RESERVED_KEY_IDS = frozenset({PROBE, SHADOW})  # no key has these, and no upstream service may say them
ACCEPTED = "tallygate_accepted"  # header of a request, which holds an InferenceAccepted as JSON

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
    allowed_models: Patterns | None = None


class ReplyTo(BaseModel):
    """Where the gateway that waits can be reached by the reply lane (decision 0029). gateway_id: of this life of it, so
    that another process at the same address is not taken for it."""

    model_config = ConfigDict(frozen=True)

    host: Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[A-Za-z0-9._:-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)]
    gateway_id: Name


class InferenceAccepted(BaseModel):
    """What the books hold of a request. It travels in a header beside the event, so that they need not read its body,
    in which the input is. deadline_at: always told here. delivery: as in the event."""

    model_config = ConfigDict(frozen=True)

    inference_id: UUID7
    tenant_id: TenantId
    operation_name: Operation = "chat"
    request_model: Reference | None = None
    api_key_id: Name | None = None
    session: Session | None = None
    tags: Tags | None = None
    reply_partition: ReplyPartition | None = None
    store_result: bool = False
    accepted_at: Instant
    deadline_at: Instant
    delivery: Turn = 1

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.deadline_at - self.accepted_at > timedelta(days=MAX_LIFE_DAYS):
            raise ValueError(f"deadline_at must be within {MAX_LIFE_DAYS} days of accepted_at")
        return self


class InferenceRequested(InferenceEvent):
    """A caller wants something of a model. Exactly one of `input` (plain) and `sealed_input` is set.

    operation_name, form: what is asked for, and the wire format of the input and of the answer.
    input: an OpenAI chat-completions body, or what else the two say. sealed_input: the same, as bytes, sealed (tenant,
    "input", inference_id).
    passed_headers: of the caller, for an endpoint that speaks the form itself.
    request_model: as the caller wrote it; None means auto.
    api_key_id: of the caller; None: not known. session, tags: what the caller says of it, to find it again.
    priority: which of those that wait goes first. Those of bulk have a topic of their own, inference.bulk.v1.
    registry_version: the tenant's registry version that the gateway knew; a router with an older one reads again.
    reply_topic, reply_key_id: of requests on ingress topics, which gateways read. Here a router refuses who says them.
    reply_partition: of inference.replies.v1, where the reply goes; None: not there.
    reply_to: the lane by which the reply and a stream's chunks go, while it can be had. Without either nobody waits.
    store_result: the answer also goes to inference.results.v1, to be fetched later.
    republished: the same request may lie on the topic already, and a router asks the books before it takes it.
    delivery: how many times this inference was handed to routers, this time included. attempts_made: calls of earlier
    deliveries.
    """

    ce_type: ClassVar[str] = "tallygate.inference.requested.v1"

    operation_name: Operation = "chat"
    form: WireFormat = "openai"
    passed_headers: PassedHeaders = ()
    request_model: Reference | None = None
    input: dict[str, Any] | None = None
    sealed_input: Sealed | None = None
    options: RoutingOptions = RoutingOptions()
    api_key_id: Name | None = None
    session: Session | None = None
    tags: Tags | None = None
    priority: Priority = "normal"
    registry_version: LargeCount = 0
    reply_topic: Name | None = None
    reply_key_id: Name | None = None
    reply_partition: ReplyPartition | None = None
    reply_to: ReplyTo | None = None
    store_result: bool = False
    republished: bool = False
    accepted_at: Instant = Field(default_factory=utc_now)
    deadline_at: Instant | None = None
    delivery: Turn = 1
    attempts_made: Annotated[int, Field(ge=0, lt=1_000_000)] = 0

    @model_validator(mode="after")
    def _has_one_input(self) -> Self:
        if (self.input is None) == (self.sealed_input is None):
            raise ValueError("exactly one of input and sealed_input must be given")
        return self

    @model_validator(mode="after")
    def _ends(self) -> Self:
        """A deadline before the acceptance is one that has passed, and is told as such."""
        if self.expires_at - self.accepted_at > timedelta(days=MAX_LIFE_DAYS):
            raise ValueError(f"deadline_at must be within {MAX_LIFE_DAYS} days of accepted_at")
        return self

    @property
    def expires_at(self) -> datetime:
        return self.deadline_at or self.accepted_at + timedelta(seconds=DEFAULT_DEADLINE_S)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for the answer."""
        return self.reply_partition is not None or self.reply_to is not None

    @property
    def is_shadow(self) -> bool:
        """Whether it is a copy, for a model that is tried."""
        return self.api_key_id == SHADOW

    @property
    def accepted(self) -> InferenceAccepted:
        return InferenceAccepted.model_construct(
            inference_id=self.inference_id, tenant_id=self.tenant_id, operation_name=self.operation_name,
            request_model=self.request_model, api_key_id=self.api_key_id, session=self.session, tags=self.tags,
            reply_partition=self.reply_partition, store_result=self.store_result, accepted_at=self.accepted_at,
            deadline_at=self.expires_at, delivery=self.delivery,
        )  # fmt: skip

    def headers(self, source: str, traceparent: str | None) -> list[tuple[str, bytes]]:
        return [*super().headers(source, traceparent), (ACCEPTED, self._accepted_header())]

    def _accepted_header(self) -> bytes:
        """`accepted` as JSON, without what is as it is by default. Every request has it: no model is made for it."""
        told: dict[str, Any] = {
            "inference_id": self.inference_id, "tenant_id": self.tenant_id, "accepted_at": self.accepted_at,
            "deadline_at": self.expires_at,
        }  # fmt: skip
        if self.operation_name != "chat":
            told["operation_name"] = self.operation_name
        if self.request_model is not None:
            told["request_model"] = self.request_model
        if self.api_key_id is not None:
            told["api_key_id"] = self.api_key_id
        if self.session is not None:
            told["session"] = self.session
        if self.tags:
            told["tags"] = self.tags
        if self.reply_partition is not None:
            told["reply_partition"] = self.reply_partition
        if self.store_result:
            told["store_result"] = True
        if self.delivery != 1:
            told["delivery"] = self.delivery
        return orjson.dumps(told, default=str, option=orjson.OPT_UTC_Z)


class InferenceSettled(InferenceEvent):
    """How an inference ended. The first settlement is effective; a later one is kept and marked late.

    operation_name, api_key_id, session, tags: as in the request, where it was read; None: not known.
    first_model: the candidate that was called first. model_served: the one that answered, when one did.
    server_address: host:port of the endpoint that was called last.
    attempts: calls made over all deliveries. duration_s: from acceptance to settlement.
    reported_by: "<service>/<instance>" that published it. swept: the monitor closed it because nobody else had, a
    minute past its deadline.
    last: how the last call ended, where that was not told before: it is a fact of its own, with an id of its own.
    """

    ce_type: ClassVar[str] = "tallygate.inference.settled.v1"

    settlement: Settlement
    operation_name: Name | None = None
    api_key_id: Name | None = None
    session: Session | None = None
    tags: Tags | None = None
    model_requested: Reference | None = None
    first_model: Name | None = None
    model_served: Name | None = None
    server_address: Address | None = None
    attempts: Count = 0
    delivery: Turn = 1
    error: Failure | None = None
    accepted_at: Instant
    settled_at: Instant
    duration_s: Seconds
    reported_by: Name
    swept: bool = False
    last: AttemptEnded | None = None

    @model_validator(mode="after")
    def _is_about_one(self) -> Self:
        if self.last is not None and (self.last.inference_id, self.last.tenant_id) != (
            self.inference_id, self.tenant_id,
        ):  # fmt: skip
            raise ValueError("last must be a call of the same inference")
        return self

    @property
    def facts(self) -> tuple[InferenceEvent, ...]:
        return (self,) if self.last is None else (self.last, self)


class CancelRequested(InferenceEvent):
    """The caller cancels an inference, whether it waits for a router or is in flight."""

    ce_type: ClassVar[str] = "tallygate.cancellation.requested.v1"

    requested_at: Instant = Field(default_factory=utc_now)
    reason: Literal["asked", "disconnected"] = "asked"
