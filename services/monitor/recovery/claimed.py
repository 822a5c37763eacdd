"""Pure: what the routers have claimed, now and long enough ago that whatever they call for is on record.

A router commits the offset of a request and puts its claim on record at the same moment (decision 0030). So a request
whose offset has just been committed may have nothing on record, or only the words of a router that did not get it,
while its router is about to call. Once RECORD_IS_THERE_AFTER_S have passed since the commit was seen, it is on record,
or the router that committed it will not call.
"""

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from shared.events.router import RECORD_IS_THERE_AFTER_S

FirstUnclaimed = Mapping[int, int]  # by partition of the request topic: the first offset that no router has claimed


class Claimed(NamedTuple):
    now: FirstUnclaimed
    long_ago: FirstUnclaimed


class ClaimsSeen:
    """Of one monitor. Times are of its monotonic clock; one that has just started knows nothing of long ago."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, FirstUnclaimed]] = deque()

    def saw(self, claimed: FirstUnclaimed, now: float) -> Claimed:
        """now: after `claimed` was read, so the commits were made before that."""
        self._seen.append((now, claimed))
        while len(self._seen) > 1 and now - self._seen[1][0] >= RECORD_IS_THERE_AFTER_S:
            self._seen.popleft()
        seen_at, oldest = self._seen[0]
        return Claimed(claimed, oldest if now - seen_at >= RECORD_IS_THERE_AFTER_S else {})
