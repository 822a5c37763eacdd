"""What must hold when a history is over: of the books, beside the topics and what the endpoints saw."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from uuid import UUID

from services.monitor.audit.invariants import Ledger, check
from shared.events import AttemptEnded, Event, InferenceRequested, InferenceSettled
from shared.events.topics import ATTEMPTS, OUTCOMES, REQUEST_TOPICS, Topic
from tests.histories.answers import agreed, keyed, stored, told
from tests.histories.lives import EPOCH
from tests.histories.promises import AS_SEEN, AUDIT, FIRST_WORD, SETTLED, Violation
from tests.histories.trace import Published
from tests.histories.world import Played

# Words of ours on an attempt that never left: no endpoint has to have seen it.
_NEVER_LEFT = frozenset({"handed_back", "router_lost", "cancelled", "expired"})


def at_the_end(played: Played) -> Iterator[Violation]:
    outcomes = _events(played, OUTCOMES)
    requests = [event for event in _events(played, *REQUEST_TOPICS) if isinstance(event, InferenceRequested)]
    yield from _first_words(played, outcomes)
    yield from _seen(played)
    yield from _open(played, requests)
    yield from _audited(played, [*requests, *_events(played, ATTEMPTS), *outcomes])
    yield from told(played)
    yield from agreed(played)
    yield from keyed(played, requests)
    yield from stored(played, requests)


def _events(played: Played, *topics: Topic) -> list[Event]:
    """All facts, in the order of their partitions."""
    names = {topic.name for topic in topics}
    published = [entry for entry in played.trace if isinstance(entry, Published) and entry.place.topic in names]
    published.sort(key=lambda entry: (entry.place, entry.offset))
    return [fact for entry in published if entry.event is not None for fact in entry.event.facts]


def _first_words(played: Played, outcomes: list[Event]) -> Iterator[Violation]:
    first: dict[UUID, UUID] = {}
    for event in outcomes:
        if isinstance(event, AttemptEnded):
            first.setdefault(event.attempt_id, event.event_id)
        elif isinstance(event, InferenceSettled):
            first.setdefault(event.inference_id, event.event_id)
    counts: dict[UUID, UUID | None] = {key: row["outcome_event_id"] for key, row in played.tables.attempts.items()}
    counts |= {key: row["settlement_event_id"] for key, row in played.tables.inferences.items()}
    for key, event_id in first.items():
        if counts.get(key) != event_id:
            yield Violation(FIRST_WORD, f"of {str(key)[-4:]} the books hold {str(counts.get(key))[-4:]}, "
                            f"the topic said first {str(event_id)[-4:]}")  # fmt: skip


def _seen(played: Played) -> Iterator[Violation]:
    calls = {UUID(call.attempt_id): call for call in played.ledger}
    rows = played.tables.attempts
    for attempt_id, call in calls.items():
        row = rows.get(attempt_id)
        if row is None or not row["on_record"]:
            yield Violation(AS_SEEN, f"the call {call.attempt_id[-4:]} was made and is not booked")
        elif row["outcome"] == "succeeded" and call.how != "succeeded":
            yield Violation(AS_SEEN, f"the call {call.attempt_id[-4:]} is booked as succeeded and was {call.how}")
    if len(calls) != len(played.ledger):
        yield Violation(AS_SEEN, "one attempt was called twice")
    for attempt_id, row in rows.items():
        if attempt_id not in calls and row["error_type"] not in _NEVER_LEFT:
            yield Violation(AS_SEEN, f"attempt {str(attempt_id)[-4:]} is booked as {row['outcome']} "
                            f"({row['error_type']}) and was never made")  # fmt: skip


def _open(played: Played, requests: list[InferenceRequested]) -> Iterator[Violation]:
    rows: Mapping[UUID, Mapping[str, object]] = played.tables.inferences
    for inference_id in {event.inference_id for event in requests}:
        if inference_id not in rows or rows[inference_id]["settlement"] is None:
            yield Violation(SETTLED, f"inference {str(inference_id)[-4:]} is not settled")
    for attempt_id, row in played.tables.attempts.items():
        if row["outcome"] is None:
            yield Violation(SETTLED, f"attempt {str(attempt_id)[-4:]} has no outcome")
    if not played.settled:
        yield Violation(SETTLED, f"after {played.ended_at:.0f} s there is still something to do")


def _audited(played: Played, events: list[Event]) -> Iterator[Violation]:
    ledger = Ledger()
    for event in events:
        ledger.add(event)
    report = check(ledger, played.tables.booked(), EPOCH + timedelta(seconds=played.ended_at))
    for violation in report.violations:
        yield Violation(AUDIT, violation)
