"""Pure: which routers are dead. Silence counts only while this monitor could have heard them.

Times are of this process's monotonic clock, in seconds; no clock of another machine is believed. A monitor that has
just started, was stopped for a while, or could not reach the broker, first listens for a whole limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

SILENCE_LIMIT_S = 10.0
_BLIND_AFTER_S = 5.0  # after a longer gap between two looks, silence proves nothing: heartbeats of the gap may be lost


@dataclass
class Liveness:
    heard_at: dict[str, float] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    listening_since: float = 0.0
    looked_at: float = float("-inf")

    def heard(self, router_id: str, stopped: bool, now: float) -> None:
        if stopped:
            self.stopped.add(router_id)
            self.heard_at.pop(router_id, None)
        else:
            self.heard_at[router_id] = now

    def looked(self, now: float) -> None:
        """Call whenever the topic has been read to its end: only then is it known that a router was silent."""
        if now - self.looked_at > _BLIND_AFTER_S:
            self.listening_since = now
        self.looked_at = now

    def dead(self, router_ids: Iterable[str], now: float) -> set[str]:
        """Those of the given routers that said that they stop, or have been silent for SILENCE_LIMIT_S."""
        return {
            router for router in router_ids if router in self.stopped or self._silent_s(router, now) > SILENCE_LIMIT_S
        }

    def alive(self, now: float) -> list[str]:
        return sorted(router for router in self.heard_at if self._silent_s(router, now) <= SILENCE_LIMIT_S)

    def _silent_s(self, router_id: str, now: float) -> float:
        return now - max(self.heard_at.get(router_id, float("-inf")), self.listening_since)
