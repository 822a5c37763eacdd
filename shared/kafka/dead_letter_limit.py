"""When a consumer stops instead of draining a whole topic into the dead letters: it, not the messages, is at fault."""

from collections import deque

from aiokafka import ConsumerRecord

SETTING = "TALLYGATE_DEAD_LETTERS_PER_MINUTE"
WINDOW_S = 60.0


class DeadLetterLimitError(Exception):
    """One more record cannot be handled than the limit allows. It is neither sent nor committed: go no further."""

    def __init__(self, record: ConsumerRecord, most: int) -> None:
        super().__init__(
            f"{record.topic}: one more message cannot be handled, after {most} within {WINDOW_S:.0f} s, which is the "
            f"limit ({SETTING}={most}); it stays where it is; see: tallygate dlq list --topic {record.topic}"
        )
        self.record = record


class DeadLetterLimit:
    """At most so many dead letters a minute; 0 is no limit. `now` is in seconds of any clock that only rises."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._sent: deque[float] = deque()
        self._topics: set[str] = set()

    def knows(self, topic: str) -> bool:
        """Whether what others, or this process before it was restarted, sent from this topic has been counted."""
        return topic in self._topics or not self.most

    def learn(self, topic: str, recent: int, now: float) -> None:
        self._topics.add(topic)
        self._sent.extend([now] * min(recent, self.most))

    def is_reached(self, now: float) -> bool:
        while self._sent and self._sent[0] <= now - WINDOW_S:
            self._sent.popleft()
        return 0 < self.most <= len(self._sent)

    def count(self, now: float) -> None:
        if self.most:
            self._sent.append(now)
