"""A model's health, as the books show it."""

from typing import ClassVar, Literal

from pydantic import Field

from shared.events.bounds import Count, Instant, Seconds, Words
from shared.events.envelope import Event, TenantId

HealthStatus = Literal["healthy", "degraded", "unhealthy"]


class ModelHealthChanged(Event):
    """How the calls of one tenant's model went lately. The newest event of a model counts; without one it is healthy.

    reason: in words, for people. p50_s: median duration of the calls that succeeded; None when there were none.
    """

    ce_type: ClassVar[str] = "tallygate.model.health_changed.v1"

    tenant_id: TenantId
    model: str = Field(min_length=1, max_length=256)
    status: HealthStatus
    reason: Words = ""
    calls: Count = 0
    failed: Count = 0
    p50_s: Seconds | None = None
    changed_at: Instant

    @property
    def key(self) -> bytes:
        return self.subject.encode()

    @property
    def subject(self) -> str:
        return f"{self.tenant_id}/{self.model}"
