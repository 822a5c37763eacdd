"""A feature job: code to be generated for a repository. It makes inferences of its own."""

from datetime import datetime, timedelta
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import UUID7, BaseModel, ConfigDict, Field

from shared.errors import Failure
from shared.events.envelope import Event, Instant, TenantId, utc_now
from shared.policies import Policy

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
    model, policy, allowed_models: how the models for its calls are chosen, as for an inference.
    """

    ce_type: ClassVar[str] = "tallygate.feature.requested.v1"

    sealed_input: str
    generator: str = Field(default="llm", min_length=1, max_length=100)
    model: str | None = Field(default=None, max_length=256, pattern=r"^[^\x00]*$")
    policy: Policy | None = None
    allowed_models: tuple[str, ...] | None = None
    api_key_id: str | None = None
    accepted_at: Instant = Field(default_factory=utc_now)
    deadline_at: Instant | None = None

    @property
    def expires_at(self) -> datetime:
        return self.deadline_at or self.accepted_at + timedelta(seconds=DEFAULT_FEATURE_DEADLINE_S)


class FeatureStarted(FeatureEvent):
    """A worker has taken the job. delivery: how many workers have taken it, this one included."""

    ce_type: ClassVar[str] = "tallygate.feature.started.v1"

    worker_id: str
    delivery: int = Field(ge=1)
    generator: str
    accepted_at: Instant
    started_at: Instant
    deadline_at: Instant


class FeatureProgressed(FeatureEvent):
    """Where a job is. message: a few words that hold nothing of the repository."""

    ce_type: ClassVar[str] = "tallygate.feature.progressed.v1"

    worker_id: str
    step: FeatureStep
    message: str = Field(default="", max_length=500)
    progressed_at: Instant


class FeatureCall(BaseModel):
    """One model call of a job. inference_id: where its own record is."""

    model_config = ConfigDict(frozen=True)

    inference_id: UUID
    purpose: str
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    error_type: str | None = None


class FeatureSettled(FeatureEvent):
    """How a job ended. The first settlement is effective.

    sealed_result: JSON of what was produced, sealed (tenant, "feature_result", feature_id); also with an error when
    something was produced that did not pass its checks. calls: the inferences that it made.
    """

    ce_type: ClassVar[str] = "tallygate.feature.settled.v1"

    settlement: FeatureSettlement
    generator: str
    sealed_result: str | None = None
    error: Failure | None = None
    calls: tuple[FeatureCall, ...] = ()
    delivery: int = 1
    accepted_at: Instant
    settled_at: Instant
    duration_s: float
    reported_by: str


class FeatureCancelRequested(FeatureEvent):
    """The caller cancels the job."""

    ce_type: ClassVar[str] = "tallygate.feature.cancel_requested.v1"

    requested_at: Instant = Field(default_factory=utc_now)


class BrokenGenerator(BaseModel):
    """A generator that a worker cannot use, and why."""

    model_config = ConfigDict(frozen=True)

    name: str
    reason: str


class FeatureWorkerBeat(Event):
    """A features worker's heartbeat, published every few seconds, for people: leases decide which worker has a job.

    generators: those that it can use. broken: those that it cannot, and why. stopped: this is its last heartbeat.
    """

    ce_type: ClassVar[str] = "tallygate.feature.worker_beat.v1"

    worker_id: str = Field(min_length=1, max_length=200)
    started_at: Instant
    beat_at: Instant
    jobs: int = 0
    generators: tuple[str, ...] = ()
    broken: tuple[BrokenGenerator, ...] = ()
    stopped: bool = False

    @property
    def key(self) -> bytes:
        return self.worker_id.encode()

    @property
    def subject(self) -> str:
        return self.worker_id
