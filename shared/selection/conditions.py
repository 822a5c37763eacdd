"""The newest health of each model, spending of each tenant, and caps of sessions, read from their topics and kept in
memory."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

from shared.events import Event, ModelHealthChanged, SessionCapped, SessionSpent, TenantSpent, utc_now
from shared.events.topics import MODEL_HEALTH, SPENDING, Topic
from shared.kafka.follow import OnEvent
from shared.selection.session_caps import CappedSession, capped, is_over

Health = Mapping[str, ModelHealthChanged]  # by model id

_Session = tuple[str, str]  # tenant, session

_FEW_SESSIONS = 1000  # below this, nobody looks for caps that are over


class Conditions:
    def __init__(self) -> None:
        self._health: dict[str, dict[str, ModelHealthChanged]] = defaultdict(dict)
        self._spent: dict[str, TenantSpent] = {}
        self._caps: dict[_Session, SessionCapped] = {}
        self._sessions_spent: dict[_Session, SessionSpent] = {}
        self._tidy_at = _FEW_SESSIONS

    @property
    def hearers(self) -> dict[Topic, OnEvent]:
        """For a Follower."""
        return {MODEL_HEALTH: self.heard, SPENDING: self.heard}

    def heard(self, event: Event) -> None:
        match event:
            case ModelHealthChanged():
                self._health[event.tenant_id][event.model] = event
            case TenantSpent():
                self._spent[event.tenant_id] = event
            case SessionCapped():
                self._caps[event.tenant_id, event.session] = event
                self._tidy(utc_now())
            case SessionSpent():
                self._sessions_spent[event.tenant_id, event.session] = event
                self._tidy(utc_now())

    def health(self, tenant_id: str) -> Health:
        return self._health.get(tenant_id, {})

    def spent(self, tenant_id: str) -> TenantSpent | None:
        return self._spent.get(tenant_id)

    def session(self, tenant_id: str, session: str) -> CappedSession | None:
        """None while it has no cap."""
        key = tenant_id, session
        return capped(self._caps.get(key), self._sessions_spent.get(key), utc_now())

    def _tidy(self, now: datetime) -> None:
        """There are as many caps as tenants' quotas allow, and as many again whenever those that are over are searched
        for."""
        if len(self._caps) + len(self._sessions_spent) <= self._tidy_at:
            return
        self._caps = {key: cap for key, cap in self._caps.items() if cap.is_capped and not is_over(cap, now)}
        self._sessions_spent = {key: spent for key, spent in self._sessions_spent.items() if not is_over(spent, now)}
        self._tidy_at = max(_FEW_SESSIONS, 2 * (len(self._caps) + len(self._sessions_spent)))
