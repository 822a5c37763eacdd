"""A model's health, as the books show it."""

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.bounds import Count, Instant, Name, Seconds, Words
from shared.events.envelope import Event, TenantId

HealthStatus = Literal["healthy", "degraded", "unhealthy"]
# calls: of callers, counted. probe: the last one decided. silence: nobody has called it, so nothing is known.
HealthCause = Literal["calls", "probe", "silence"]

MOST_ERROR_TYPES = 100


class FailedCalls(BaseModel):
    """How many calls failed in that way."""

    model_config = ConfigDict(frozen=True)

    error_type: Name
    calls: Count


class HealthThresholds(BaseModel):
    """What was judged by. degraded_at, unhealthy_at: shares of failed calls, 0 to 1, that hold from min_calls on."""

    model_config = ConfigDict(frozen=True)

    degraded_at: Annotated[float, Field(ge=0, le=1)]
    unhealthy_at: Annotated[float, Field(ge=0, le=1)]
    min_calls: Count


class ModelHealthChanged(Event):
    """How the calls of one tenant's model went lately. The newest event of a model counts; without one it is healthy.

    It is said again when figures have moved: it is a change when `was` is known and another than `status`.

    was: the status before; None: an older writer. reason: in words, for people. cause, errors, thresholds: what the
    words are made from. calls, failed: that count for or against the endpoint. errors: of the failed ones, by type.
    p50_s: median duration of the calls that succeeded; None when there were none.
    """

    ce_type: ClassVar[str] = "tallygate.model.health_changed.v1"

    tenant_id: TenantId
    model: str = Field(min_length=1, max_length=256)
    status: HealthStatus
    was: HealthStatus | None = None
    reason: Words = ""
    cause: HealthCause = "calls"
    calls: Count = 0
    failed: Count = 0
    errors: Annotated[tuple[FailedCalls, ...], Field(max_length=MOST_ERROR_TYPES)] = ()
    thresholds: HealthThresholds | None = None
    p50_s: Seconds | None = None
    changed_at: Instant

    @property
    def errors_by_type(self) -> dict[str, int]:
        return {failed.error_type: failed.calls for failed in self.errors}

    @property
    def key(self) -> bytes:
        return self.subject.encode()

    @property
    def subject(self) -> str:
        return f"{self.tenant_id}/{self.model}"
