"""What a tenant has spent, as the books show it."""

from typing import ClassVar

from shared.events.bounds import Day, Instant, LargeCount, Usd
from shared.events.envelope import Event, TenantId


class TenantSpent(Event):
    """A tenant's calls on one UTC day, and in the month up to and with it. The newest event of a tenant counts.

    tokens: of prompts and answers. usd: of the calls whose price is known. as_of: up to when the books were read.
    """

    ce_type: ClassVar[str] = "tallygate.tenant.spent.v1"

    tenant_id: TenantId
    day: Day
    usd_day: Usd
    usd_month: Usd
    tokens_day: LargeCount
    tokens_month: LargeCount
    as_of: Instant

    @property
    def key(self) -> bytes:
        return self.subject.encode()

    @property
    def subject(self) -> str:
        return self.tenant_id
