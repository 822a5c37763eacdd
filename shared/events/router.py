"""A router's heartbeat."""

from typing import ClassVar

from pydantic import Field

from shared.events.bounds import Count, Instant
from shared.events.envelope import Event

# A router that is silent for longer is taken for lost: the monitor hands out again what it had claimed.
SILENCE_LIMIT_S = 10.0

# A router commits the offset of a request and puts its claim on record at the same moment. It calls only when the
# record was acked within the first time, from before the commit was sent. The monitor waits for the second time, from
# when it has seen the commit: what is not on record then, no router will call for.
ON_RECORD_WITHIN_S = 5.0
RECORD_IS_THERE_AFTER_S = 8.0


class RouterHeartbeat(Event):
    """Published every few seconds by each router. The monitor recovers the work of one that has fallen silent.

    stopped: the last heartbeat of a router that was stopped; what it left open is recovered at once.
    """

    ce_type: ClassVar[str] = "tallygate.router.heartbeat.v1"

    router_id: str = Field(min_length=1, max_length=200)
    started_at: Instant
    beat_at: Instant
    in_flight: Count = 0
    stopped: bool = False

    @property
    def key(self) -> bytes:
        return self.router_id.encode()

    @property
    def subject(self) -> str:
        return self.router_id
