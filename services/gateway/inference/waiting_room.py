"""Pure: how long the oldest request has waited for a router, from what is known without reading any.

A request that lies before the committed offset of its partition is claimed. When the end of a partition first passed
what is committed now, the oldest request that is not claimed was published: a short history of ends tells when.
"""

from collections import deque
from collections.abc import Mapping

_KEPT_S = 300.0  # an older request is only known to be at least this old


class WaitingRoom:
    def __init__(self, kept_s: float = _KEPT_S) -> None:
        self._kept_s = kept_s
        self._history: deque[tuple[float, Mapping[int, int]]] = deque()

    def seen(self, now_s: float, ends: Mapping[int, int]) -> None:
        """ends: per partition, the offset that the next request will get."""
        if self._history and any(end < self._history[-1][1].get(partition, 0) for partition, end in ends.items()):
            self._history.clear()  # the topic was made anew, and older offsets mean nothing
        self._history.append((now_s, ends))
        while now_s - self._history[0][0] > self._kept_s:
            self._history.popleft()

    def age_s(self, now_s: float, committed: Mapping[int, int]) -> float:
        """0 when every request that was seen is claimed. committed: per partition, the first that is not."""
        for at_s, ends in self._history:
            if any(end > committed.get(partition, 0) for partition, end in ends.items()):
                return now_s - at_s
        return 0.0
