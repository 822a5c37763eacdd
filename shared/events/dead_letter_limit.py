"""When a consumer stops instead of draining a whole topic into the dead letters: it, not the messages, is at fault."""

from collections import deque

SETTING = "TALLYGATE_DEAD_LETTERS_PER_MINUTE"
_WINDOW_S = 60.0


class DeadLetterLimitError(Exception):
    """One more message cannot be handled than the limit allows. It is neither sent nor committed: go no further."""

    def __init__(self, topic: str, most: int) -> None:
        super().__init__(
            f"after {most} dead letters within {_WINDOW_S:.0f} s one more message of {topic} cannot be handled; "
            f"the limit is {SETTING}={most}; see: tallygate dlq list --topic {topic}"
        )


class DeadLetterLimit:
    """At most so many dead letters a minute; 0 is no limit. `now` is in seconds of any clock that only rises."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._sent: deque[float] = deque()

    def is_reached(self, now: float) -> bool:
        while self._sent and self._sent[0] <= now - _WINDOW_S:
            self._sent.popleft()
        return 0 < self.most <= len(self._sent)

    def count(self, now: float) -> None:
        if self.most:
            self._sent.append(now)
