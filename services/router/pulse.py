"""What this router knows of its own heartbeats: may it call, or does somebody else have its work by now?

The monitor hands out again what a router had claimed that was silent for SILENCE_LIMIT_S. What the monitor heard last
was sent when the last acked beat was, or later. So until SILENT_AFTER_S after that time nobody takes this router for
lost; and when more time lies between the sending of one beat and the ack of the next one, somebody may have.
"""

import asyncio
import time
from collections.abc import Callable

from shared.events.router import SILENCE_LIMIT_S

# Two seconds for what lies between this check and the call, and for clocks that run at different rates.
SILENT_AFTER_S = SILENCE_LIMIT_S - 2.0

_LOOK_EVERY_S = 0.1


class Pulse:
    """`life` goes up whenever the silence was so long that what was claimed before it may be somebody else's.

    Written by the thread that beats, read by the one that calls; clock: seconds, the same in both.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.life = 0
        self.clock = clock
        self._sent_at: float | None = None

    def acked(self, sent_at: float) -> bool:
        """A beat is acked that was sent then. Returns whether the silence before it was too long."""
        lost = self._sent_at is not None and self.clock() - self._sent_at > SILENT_AFTER_S
        if lost:
            self.life += 1  # before the beat counts: who sees the new beat must see the new life
        self._sent_at = sent_at
        return lost

    @property
    def beating(self) -> bool:
        return self._sent_at is not None and self.clock() - self._sent_at < SILENT_AFTER_S

    async def until_beating(self, within_s: float = float("inf")) -> bool:
        """At once while it beats. False when it does not within this time."""
        until = self.clock() + within_s
        while not self.beating:
            if self.clock() >= until:
                return False
            await asyncio.sleep(_LOOK_EVERY_S)  # nothing signals it: a signal would cost a wake-up at every beat
        return True
