"""An audit of parts, one after the other, says what an audit of everything at once says."""

import tracemalloc
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitor.audit.invariants import MOST_EXAMPLES, Booked, Ledger, Report, Tally, check
from services.monitor.audit.parts import Parts
from services.monitor.books.books import Accepted
from shared.errors import failure
from shared.events import Event, InferenceAccepted, InferenceEvent, new_id
from tests.stores.events import Said, said
from tests.unit.shared.events.samples import NOW, ended, requested, settled, started

LONG_AFTER = NOW + timedelta(days=1)
_MANY = 2000


def audited(events: Sequence[Event | InferenceAccepted], booked: Booked) -> Report:
    tally = Tally()
    with Parts() as parts:
        for event in events:
            parts.add(event)
        for ledger in parts.ledgers():
            ids = ledger.inferences.keys() | {entry.inference_id for entry in ledger.attempts.values()}
            mine = {key: word for key, word in booked.inferences.items() if key in ids}
            tally.add(ledger, Booked(booked.attempts, mine), LONG_AFTER)
    return tally.report()


def _requested(inference_id: UUID) -> InferenceAccepted:
    return requested(inference_id=inference_id).accepted


def _read(event: InferenceEvent | Accepted) -> InferenceEvent | InferenceAccepted:
    return event.request if isinstance(event, Accepted) else event


@settings(max_examples=25, deadline=None)
@given(st.lists(said(), max_size=3), st.data())
def test_it_says_what_an_audit_of_everything_says(examples: list[Said], data: st.DataObject) -> None:
    booked_events = [_read(event) for example in examples for batch in example.batches for event in batch]
    events = [*booked_events]
    events += [_requested(event.inference_id) for event in booked_events if data.draw(st.booleans())]
    ledger = Ledger()
    for event in events:
        ledger.add(event)

    def word(said_first: UUID | None) -> UUID | None:
        return data.draw(st.sampled_from([said_first, None, new_id()]))

    booked = Booked(
        {key: word(entry.outcome_event_id) for key, entry in ledger.attempts.items()},
        {key: word(entry.settlement_event_id) for key, entry in ledger.inferences.items()},
    )
    whole, parts = check(ledger, booked, LONG_AFTER), audited(events, booked)
    assert (parts.inferences, parts.attempts) == (whole.inferences, whole.attempts)
    assert sorted(parts.violations) == sorted(whole.violations)
    assert parts.swept == whole.swept


def test_of_a_million_violations_a_few_are_named_and_all_are_counted() -> None:
    ids = [new_id() for _ in range(MOST_EXAMPLES + 30)]
    report = audited([_requested(inference_id) for inference_id in ids], Booked({}, dict.fromkeys(ids)))
    assert len(report.violations) == MOST_EXAMPLES + 1
    assert report.violations[-1] == (
        "and 30 more of which the same holds: was accepted and is not settled, long after its deadline"
    )


def test_its_memory_is_that_of_one_part() -> None:
    error, largest = failure("server_error", "x" * 500), 0
    with Parts() as parts:
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(_MANY):
            ids = {"inference_id": new_id(), "attempt_id": new_id()}
            parts.add(started(**ids))
            parts.add(ended(**ids, outcome="failed", error=error))
            parts.add(settled(inference_id=ids["inference_id"]))
        for ledger in parts.ledgers():
            largest = max(largest, len(ledger.inferences))
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert largest < _MANY / 50
    assert after - before < 2_000_000
