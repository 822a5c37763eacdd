"""The newest health of each model and spending of each tenant, read from their topics and kept in memory."""

from collections import defaultdict
from collections.abc import Mapping

from shared.events import Event, ModelHealthChanged, TenantSpent
from shared.events.topics import MODEL_HEALTH, SPENDING, Topic
from shared.kafka.follow import OnEvent

Health = Mapping[str, ModelHealthChanged]  # by model id


class Conditions:
    def __init__(self) -> None:
        self._health: dict[str, dict[str, ModelHealthChanged]] = defaultdict(dict)
        self._spent: dict[str, TenantSpent] = {}

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

    def health(self, tenant_id: str) -> Health:
        return self._health.get(tenant_id, {})

    def spent(self, tenant_id: str) -> TenantSpent | None:
        return self._spent.get(tenant_id)
