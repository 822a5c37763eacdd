"""A router's heartbeat."""

from typing import ClassVar

from pydantic import Field

from shared.events.bounds import Count, Instant
from shared.events.envelope import Event

# A router that is silent for longer is taken for lost: the monitor hands out again what it had claimed.
SILENCE_LIMIT_S = 10.0


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
