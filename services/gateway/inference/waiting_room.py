"""Pure: how long the oldest request has waited for a router, from offsets alone; no request is read.

Requests before the committed offset of their partition are claimed. The oldest request that is not claimed was
published when the end of its partition first passed the offset that is committed now; a short history of the ends
tells when that was.
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
            self._history.clear()  # the topic was created again; its earlier offsets mean nothing
        self._history.append((now_s, ends))
        while now_s - self._history[0][0] > self._kept_s:
            self._history.popleft()

    def age_s(self, now_s: float, committed: Mapping[int, int]) -> float:
        """0 when every request that was seen is claimed. committed: per partition, the first that is not."""
        for at_s, ends in self._history:
            if any(end > committed.get(partition, 0) for partition, end in ends.items()):
                return now_s - at_s
        return 0.0
