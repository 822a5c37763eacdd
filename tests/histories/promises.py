"""What must hold in every history, in words, and what is said when it does not."""

from typing import NamedTuple

from shared.events import InferenceEvent

CALLED = "a call is acked as started, and its request is claimed by the same router"
LETTERED = "an offset is committed past what is no request after that is a dead letter"
RECOVERED = "what is claimed is on record or handed out again soon, unless somebody was disturbed who recovers"
FORWARD = "the group of the routers never goes back"
BOOKED = "an offset of events is committed after they are booked"
FIRST_WORD = "the first word on the topic is the one that counts in the books"
AS_SEEN = "the books are what the endpoints saw"
LEFT_TO_KAFKA = "what Kafka delivers again is not handed out by recovery"
ONCE = "a delivery is handed out once, unless somebody was disturbed meanwhile"
ALIVE = "who never fell silent is not declared lost"
TAKEN = "what a living router calls for is not handed out, unless somebody was disturbed who recovers"
COMPLETE = "recovery acts on books that are complete"
OVER = "no call begins for a delivery after the next one is handed out"
SETTLED = "nothing is open a minute after its deadline"
SWEPT = "the sweep has nothing to close, unless somebody was disturbed who recovers"
AUDIT = "the audit finds that the books balance"
ANSWERED = "who waits is told how its inference ended, a moment after its deadline at the latest"
ONE_KEY = "one Idempotency-Key is one inference, which is on the topic when the key is marked so"
STORED = "what is to be found later is stored as the books say that it ended"
AGREED = "who gets an answer finds it in the books"
FORESEEN = "nothing happens that nobody foresaw"


class Violation(NamedTuple):
    invariant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.what}"


def short(event: InferenceEvent) -> str:
    return f"inference {str(event.inference_id)[-4:]}"
