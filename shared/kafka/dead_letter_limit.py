"""When a consumer stops instead of sending a whole topic to the dead letters.

So many messages that it cannot read mean that the consumer is at fault, not the messages.
"""

from collections import deque

from aiokafka import ConsumerRecord

SETTING = "TALLYGATE_DEAD_LETTERS_PER_MINUTE"
WINDOW_S = 60.0


class DeadLetterLimitError(Exception):
    """One more record cannot be handled than the limit allows. It is not sent; its offset must not be committed."""

    def __init__(self, record: ConsumerRecord, most: int) -> None:
        super().__init__(
            f"{record.topic}: one more message cannot be handled, after {most} within {WINDOW_S:.0f} s, which is the "
            f"limit ({SETTING}={most}); it stays where it is; see: tallygate dlq list --topic {record.topic}"
        )
        self.record = record


class DeadLetterLimit:
    """At most `most` dead letters a minute; 0 is no limit. `now` is seconds of a monotonic clock."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._sent: deque[float] = deque()
        self._topics: set[str] = set()

    def knows(self, topic: str) -> bool:
        """Whether dead letters of this topic that were sent earlier or by other processes have been counted."""
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
