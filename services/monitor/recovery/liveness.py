"""Pure: which routers are dead. Silence counts only while this monitor could have heard them.

Times are of this process's monotonic clock, in seconds; of another machine's clock it is only believed that its later
beats say a later time. A monitor that has just started, was stopped for a while, or could not reach the broker, first
listens for a whole limit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

from shared.events import RouterHeartbeat
from shared.events.router import SILENCE_LIMIT_S

_BLIND_AFTER_S = 5.0  # after a longer gap between two looks, silence proves nothing: heartbeats of the gap may be lost
_FORGET_AFTER_S = 60.0  # who was silent for so long is as dead as who was never heard


class Life(NamedTuple):
    """One process. A name alone does not tell it from another process that has or had the same one."""

    router_id: str
    started_at: datetime


class LastBeat(NamedTuple):
    heard_at: float
    beat_at: datetime
    stopped: bool
    in_flight: int


class SeenRouter(NamedTuple):
    """One that was heard in the last minute. beat_at: by its own clock. silent_s: since it was heard."""

    router_id: str
    state: Literal["alive", "silent", "stopped"]
    in_flight: int
    started_at: datetime
    beat_at: datetime
    silent_s: float


@dataclass
class Liveness:
    last_beats: dict[Life, LastBeat] = field(default_factory=dict)
    listening_since: float = 0.0
    looked_at: float = float("-inf")

    def heard(self, beat: RouterHeartbeat, now: float) -> None:
        """A beat that is older than the last one of its life says nothing new: a publisher may send one twice."""
        life = Life(beat.router_id, beat.started_at)
        last = self.last_beats.get(life)
        if last is None or beat.beat_at >= last.beat_at or not last.stopped:
            self.last_beats[life] = LastBeat(now, beat.beat_at, beat.stopped, beat.in_flight)

    def looked(self, now: float) -> None:
        """Call whenever the topic has been read to its end: only then is it known that a router was silent."""
        if now - self.looked_at > _BLIND_AFTER_S:
            self.listening_since = now
        self.looked_at = now
        for life, last in list(self.last_beats.items()):
            if self._silent_s(last.heard_at, now) > _FORGET_AFTER_S:
                del self.last_beats[life]

    def dead(self, router_ids: Iterable[str], now: float) -> set[str]:
        """Those of the given routers of which every life said that it stops, or has been silent for SILENCE_LIMIT_S."""
        living = set(self.alive(now))
        known = {life.router_id for life in self.last_beats}
        unheard_is_dead = self._silent_s(float("-inf"), now) > SILENCE_LIMIT_S
        return {router for router in router_ids if router not in living and (router in known or unheard_is_dead)}

    def alive(self, now: float) -> list[str]:
        return sorted({life.router_id for life, last in self.last_beats.items() if self._lives(last, now)})

    def seen(self, now: float) -> list[SeenRouter]:
        """By name, and of one name the newest life first."""
        lives = sorted(self.last_beats.items(), key=lambda one: one[0].started_at, reverse=True)
        return sorted((self._seen(life, last, now) for life, last in lives), key=lambda router: router.router_id)

    def _seen(self, life: Life, last: LastBeat, now: float) -> SeenRouter:
        state: Literal["alive", "silent", "stopped"] = "stopped" if last.stopped else "silent"
        state = "alive" if self._lives(last, now) else state
        in_flight = 0 if last.stopped else last.in_flight
        return SeenRouter(life.router_id, state, in_flight, life.started_at, last.beat_at, now - last.heard_at)

    def _lives(self, last: LastBeat, now: float) -> bool:
        return not last.stopped and self._silent_s(last.heard_at, now) <= SILENCE_LIMIT_S

    def _silent_s(self, heard_at: float, now: float) -> float:
        return now - max(heard_at, self.listening_since)
