"""What a tenant and its capped sessions have spent, as the books show it, and what sessions may spend."""

from datetime import timedelta
from typing import ClassVar

from shared.events.bounds import Day, Instant, LargeCount, Session, Usd
from shared.events.envelope import Event, TenantId

# From when a session is first capped. Its events must stay on their topic for longer.
CAP_LIFE = timedelta(days=30)


class TenantSpent(Event):
    """A tenant's calls on one UTC day, and in the month up to and with it. The newest event of a tenant counts.

    tokens: of prompts and answers. usd: of the calls whose price is known, without copies for a model on trial.
    shadow_usd_day: of those copies, for a tenant that has a budget for them. as_of: up to when the books were read.
    """

    ce_type: ClassVar[str] = "tallygate.tenant.spent.v1"

    tenant_id: TenantId
    day: Day
    usd_day: Usd
    usd_month: Usd
    tokens_day: LargeCount
    tokens_month: LargeCount
    shadow_usd_day: Usd = 0.0
    as_of: Instant

    @property
    def key(self) -> bytes:
        return self.subject.encode()

    @property
    def subject(self) -> str:
        return self.tenant_id


class SessionCapped(Event):
    """What the requests of one session, as its callers name it, may use in all. The newest event of a session counts.

    usd, calls, tokens: None: as much as it likes; all three None: it is capped no more. since: requests that were
    accepted from then on count, for CAP_LIFE. A session that is capped anew later has another `since`.
    """

    ce_type: ClassVar[str] = "tallygate.session.capped.v1"

    tenant_id: TenantId
    session: Session
    since: Instant
    usd: Usd | None = None
    calls: LargeCount | None = None
    tokens: LargeCount | None = None

    @property
    def is_capped(self) -> bool:
        return (self.usd, self.calls, self.tokens) != (None, None, None)

    @property
    def key(self) -> bytes:
        return f"{self.subject}/cap".encode()

    @property
    def subject(self) -> str:
        return f"{self.tenant_id}/{self.session}"


class SessionSpent(Event):
    """What the settled requests of a capped session have used since it was capped. The newest event counts.

    calls: of models. tokens: of prompts and answers. usd: of the calls whose price is known. since: as in the
    SessionCapped that it is about. as_of: up to when the books were read.
    """

    ce_type: ClassVar[str] = "tallygate.session.spent.v1"

    tenant_id: TenantId
    session: Session
    since: Instant
    usd: Usd
    calls: LargeCount
    tokens: LargeCount
    as_of: Instant

    @property
    def key(self) -> bytes:
        return f"{self.subject}/spent".encode()

    @property
    def subject(self) -> str:
        return f"{self.tenant_id}/{self.session}"
