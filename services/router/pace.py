"""Pure: how fast bulk is begun beside people.

Lanes say who goes first of those that wait. On a machine that has room nobody waits in a line, and bulk still slows
everybody down: each inference that is begun takes time of the processors that all services share. A call that runs
takes next to none, so what is bounded is how many are begun, not how many are in flight.
"""

_PEOPLE_S = 30.0  # for so long after one of them has asked, others are expected
_STEP_S = 0.25  # what is begun together shares its claim: one by one, each would cost several times as much


class Pace:
    """per_s: what is begun a second beside people; 0: no bound. Times are seconds of any clock."""

    def __init__(self, per_s: float = 0.0) -> None:
        self._step = max(1, round(per_s * _STEP_S))
        self._every_s = self._step / per_s if per_s else 0.0
        self._people_until = float("-inf")
        self._next_step_at = float("-inf")
        self._left = 0

    def people_asked(self, now: float) -> None:
        self._people_until = now + _PEOPLE_S

    def wait_s(self, now: float) -> float:
        """0: one may be begun now, and counts as begun. Otherwise how long to wait before asking again."""
        if not self._every_s or now > self._people_until:
            return 0.0
        if now >= self._next_step_at:
            self._left, self._next_step_at = self._step, now + self._every_s
        if not self._left:
            return self._next_step_at - now
        self._left -= 1
        return 0.0
