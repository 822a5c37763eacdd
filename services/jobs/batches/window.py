"""Pure: how many lines of a batch may be in flight. It begins small, and grows while nothing speaks against it."""

from typing import NamedTuple

_FIRST = 8
_OLD_S = 1.0  # requests that wait so long for a router wait behind others: a batch must not be these others
_YOUNG_S = 0.5
_GROWTH = 8  # an eighth of it a round


class Window(NamedTuple):
    most: int
    lines: int = _FIRST

    def first(self, in_flight: int) -> "Window":
        """in_flight: lines that were let in before."""
        return self._replace(lines=min(max(_FIRST, in_flight), self.most))

    def after(self, *, refused: bool, full: bool, queue_age_s: float | None) -> "Window":
        """After one round. full: as many were in flight as might be. queue_age_s: None while it is not known."""
        if refused or (queue_age_s is not None and queue_age_s > _OLD_S):
            return self._replace(lines=max(1, self.lines // 2))
        if full and queue_age_s is not None and queue_age_s <= _YOUNG_S:
            return self._replace(lines=min(self.most, self.lines + max(1, self.lines // _GROWTH)))
        return self
