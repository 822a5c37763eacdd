"""What upstream services publish to ingress topics, and what they are told on reply topics of their own.

These are contracts with programs that hold neither our key ring nor our code: what they may not decide (deliveries,
whose key asks, where a router replies) is no field of them.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import UUID7, BaseModel, ConfigDict, Field

from shared.errors import Failure
from shared.events.bounds import Count, Instant, Name, Reference, Sealed, Session, Tags
from shared.events.envelope import Event, InferenceEvent, TenantId
from shared.events.inference import InferenceRequested, Settlement
from shared.events.reply import AttemptSummary, ReplyCompleted, ReplyFailed
from shared.operations import WireFormat
from shared.policies import Policy
from shared.priorities import Priority

MOST_IN_BATCH = 1000
MAX_KEY_ID = 64

Fields = Annotated[dict[str, Any], Field(max_length=10_000)]
# All that can be asked in the background over HTTP, by the same names.
UpstreamOperation = Literal["chat", "messages", "responses", "completions", "embeddings", "rerank"]
# As Kafka allows them; which ones may be named is for the reader of the request to say.
TopicName = Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")]
ReplyKeyId = Annotated[str, Field(min_length=1, max_length=MAX_KEY_ID, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class UpstreamOptions(BaseModel):
    """policy: how models are chosen when none is named. no_fallback: try only the model that was named."""

    model_config = ConfigDict(frozen=True)

    policy: Policy | None = None
    no_fallback: bool = False


class UpstreamRequest(BaseModel):
    """One inference. inference_id: the same id is the same inference, however often it is published; without one it is
    made of where the record lies. tenant_id: may be left out on a topic that belongs to a tenant.

    input: an OpenAI chat-completions body, or what else operation_name and form say. request_model: instead of the
    input's own `model`. priority: by default normal. accepted_at: by default when the record was published.
    deadline_at: by default as of background inferences. reply_topic: where the answer is published; None: it is only
    stored. reply_key_id: of a public key that the tenant has registered, for which the answer is sealed; None: it is
    told in clear.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    inference_id: UUID7 | None = None
    tenant_id: TenantId | None = None
    operation_name: UpstreamOperation = "chat"
    form: WireFormat = "openai"
    request_model: Reference | None = None
    input: Fields
    options: UpstreamOptions = UpstreamOptions()
    session: Session | None = None
    tags: Tags | None = None
    priority: Priority | None = None
    accepted_at: Instant | None = None
    deadline_at: Instant | None = None
    reply_topic: TopicName | None = None
    reply_key_id: ReplyKeyId | None = None


class UpstreamRequested(UpstreamRequest, Event):
    """An upstream service wants something of a model. The same as InferenceRequested, as far as it may say it."""

    ce_type: ClassVar[str] = InferenceRequested.ce_type


class UpstreamBatchRequested(Event):
    """Several inferences in one record, each for itself: taken, refused and answered as if it had come alone.

    tenant_id, reply_topic, reply_key_id: of those that say nothing else."""

    ce_type: ClassVar[str] = "tallygate.inference.batch.requested.v1"

    model_config = ConfigDict(frozen=True, extra="ignore")

    tenant_id: TenantId | None = None
    reply_topic: TopicName | None = None
    reply_key_id: ReplyKeyId | None = None
    requests: Annotated[tuple[Fields, ...], Field(min_length=1, max_length=MOST_IN_BATCH)]


class UpstreamReply(InferenceEvent):
    """Its key is the inference_id as text, which any client reads."""

    @property
    def key(self) -> bytes:
        return self.subject_bytes


class UpstreamReplyCompleted(UpstreamReply):
    """The answer, as its operation and form tell it: `body` in clear, or `sealed_body` for the tenant's public key.

    sealed_body: base64 of HPKE (RFC 9180) in base mode, with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256 and AES-256-GCM:
    the encapsulated key (32 bytes) and the ciphertext. info: `tallygate/reply/<tenant_id>/<inference_id>`. No aad.
    """

    ce_type: ClassVar[str] = ReplyCompleted.ce_type

    body: dict[str, Any] | None = None
    sealed_body: Sealed | None = None
    reply_key_id: ReplyKeyId | None = None
    model_served: Name
    attempts: Count


class UpstreamReplyFailed(UpstreamReply):
    """No answer, and why. settlement: `rejected` of what was not taken."""

    ce_type: ClassVar[str] = ReplyFailed.ce_type

    settlement: Settlement
    error: Failure
    failed_attempts: Annotated[tuple[AttemptSummary, ...], Field(max_length=10_000)] = ()
    attempts: Count = 0
