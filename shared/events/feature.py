"""A feature job: code to be generated for a repository. It makes inferences of its own."""

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import UUID7, BaseModel, ConfigDict, Field

from shared.clock import utc_now
from shared.errors import Failure
from shared.events.bounds import (
    Count,
    Instant,
    Name,
    Patterns,
    Reference,
    Sealed,
    Seconds,
    Session,
    Tags,
    Turn,
    Usd,
    Words,
)  # fmt: skip
from shared.events.envelope import Event, TenantId
from shared.policies import Policy
from shared.priorities import Priority

DEFAULT_FEATURE_DEADLINE_S = 1800.0

FeatureStep = Literal["reading", "planning", "writing", "checking", "repairing", "done"]
FeatureSettlement = Literal["completed", "failed", "expired", "cancelled"]


class FeatureEvent(Event):
    """A fact about one feature job of one tenant."""

    feature_id: UUID7
    tenant_id: TenantId

    @property
    def key(self) -> bytes:
        return self.feature_id.bytes

    @property
    def subject(self) -> str:
        return str(self.feature_id)


class FeatureRequested(FeatureEvent):
    """A caller asks for code to be generated.

    sealed_input: JSON of the source, the request and its constraints, sealed (tenant, "feature", feature_id).
    model, policy, allowed_models: how the models for its calls are chosen, as for an inference. priority: of these
    calls. session, tags: what the caller says of it, and of its inferences.
    """

    ce_type: ClassVar[str] = "tallygate.feature.requested.v1"

    sealed_input: Sealed
    generator: str = Field(default="llm", min_length=1, max_length=100)
    model: Reference | None = None
    policy: Policy | None = None
    allowed_models: Patterns | None = None
    priority: Priority = "normal"
    api_key_id: Name | None = None
    session: Session | None = None
    tags: Tags | None = None
    accepted_at: Instant = Field(default_factory=utc_now)
    deadline_at: Instant | None = None

    @property
    def expires_at(self) -> datetime:
        return self.deadline_at or self.accepted_at + timedelta(seconds=DEFAULT_FEATURE_DEADLINE_S)


class FeatureStarted(FeatureEvent):
    """A worker has taken the job. delivery: how many workers have taken it, this one included."""

    ce_type: ClassVar[str] = "tallygate.feature.started.v1"

    worker_id: Name
    delivery: Turn
    generator: Name
    accepted_at: Instant
    started_at: Instant
    deadline_at: Instant


class FeatureProgressed(FeatureEvent):
    """Where a job is. message: a few words that hold nothing of the repository.

    characters: of the answer that a model is writing for this step, so far; of such progress only the newest counts.
    """

    ce_type: ClassVar[str] = "tallygate.feature.progressed.v1"

    worker_id: Name
    step: FeatureStep
    message: str = Field(default="", max_length=500)
    progressed_at: Instant
    characters: Count | None = None


class FeatureCall(BaseModel):
    """One model call of a job. inference_id: where its own record is."""

    model_config = ConfigDict(frozen=True)

    inference_id: UUID
    purpose: Name
    model: Name | None = None
    input_tokens: Count = 0
    output_tokens: Count = 0
    cost_usd: Usd | None = None
    error_type: Name | None = None


class FeatureSettled(FeatureEvent):
    """How a job ended. The first settlement is effective.

    sealed_result: JSON of what was produced, sealed (tenant, "feature_result", feature_id); also with an error when
    something was produced that did not pass its checks. calls: the inferences that it made.
    """

    ce_type: ClassVar[str] = "tallygate.feature.settled.v1"

    settlement: FeatureSettlement
    generator: Name
    sealed_result: Sealed | None = None
    error: Failure | None = None
    calls: Annotated[tuple[FeatureCall, ...], Field(max_length=10_000)] = ()
    delivery: Turn = 1
    accepted_at: Instant
    settled_at: Instant
    duration_s: Seconds
    reported_by: Name


class FeatureCancelRequested(FeatureEvent):
    """The caller cancels the job."""

    ce_type: ClassVar[str] = "tallygate.feature.cancel_requested.v1"

    requested_at: Instant = Field(default_factory=utc_now)


class BrokenGenerator(BaseModel):
    """A generator that a worker cannot use, and why."""

    model_config = ConfigDict(frozen=True)

    name: Name
    reason: Words


class FeatureWorkerBeat(Event):
    """A features worker's heartbeat, published every few seconds, for people: leases decide which worker has a job.

    generators: those that it can use. broken: those that it cannot, and why. stopped: this is its last heartbeat.
    """

    ce_type: ClassVar[str] = "tallygate.feature.worker_beat.v1"

    worker_id: str = Field(min_length=1, max_length=200)
    started_at: Instant
    beat_at: Instant
    jobs: Count = 0
    generators: Annotated[tuple[Name, ...], Field(max_length=1000)] = ()
    broken: Annotated[tuple[BrokenGenerator, ...], Field(max_length=1000)] = ()
    stopped: bool = False

    @property
    def key(self) -> bytes:
        return self.worker_id.encode()

    @property
    def subject(self) -> str:
        return self.worker_id
