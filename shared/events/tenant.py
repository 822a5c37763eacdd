"""What a tenant has spent, as the books show it."""

from datetime import date
from typing import ClassVar

from pydantic import Field

from shared.events.envelope import Event, Instant, TenantId


class TenantSpent(Event):
    """A tenant's calls on one UTC day, and in the month up to and with it. The newest event of a tenant counts.

    tokens: of prompts and answers. usd: of the calls whose price is known. as_of: up to when the books were read.
    """

    ce_type: ClassVar[str] = "tallygate.tenant.spent.v1"

    tenant_id: TenantId
    day: date
    usd_day: float = Field(ge=0)
    usd_month: float = Field(ge=0)
    tokens_day: int = Field(ge=0)
    tokens_month: int = Field(ge=0)
    as_of: Instant

    @property
    def key(self) -> bytes:
        return self.subject.encode()

    @property
    def subject(self) -> str:
        return self.tenant_id
