from hypothesis import given
from hypothesis import strategies as st

from services.monitor.books.books import Books, fold
from shared.errors import failure
from shared.events import AttemptEnded, AttemptStarted, InferenceEvent, InferenceSettled, new_id
from tests.unit.shared.events.samples import ended, settled, started

TOLD = failure("server_error", "why")
CANDIDATES = [{"model": "custom:m", "reason": "named by the request", "chosen": True}]


@st.composite
def inferences(draw: st.DrawFn) -> list[InferenceEvent]:
    """All events of one inference of one delivery; each thing that must be said is said once. The last outcome may
    travel in the settlement."""
    inference_id, calls = new_id(), draw(st.integers(1, 3))
    events: list[InferenceEvent] = []
    for number in range(1, calls + 1):
        ids = {"inference_id": inference_id, "attempt_id": new_id(), "attempt_number": number}
        events.append(started(**ids, candidates=CANDIDATES if number == 1 else []))
        if draw(st.booleans()):
            failed = draw(st.booleans())
            events.append(ended(**ids, outcome="failed", error=TOLD) if failed else ended(**ids, input_tokens=number))
    if draw(st.booleans()):
        last = events.pop() if isinstance(events[-1], AttemptEnded) and draw(st.booleans()) else None
        events.append(settled(inference_id=inference_id, attempts=calls, last=last))
    return events


BATCHES = st.lists(inferences(), min_size=1, max_size=3).map(lambda some: [event for one in some for event in one])


def rows(books: Books) -> tuple[object, object]:
    return books.attempts, books.inferences


@given(BATCHES, st.data())
def test_order_and_repetition_change_nothing(events: list[InferenceEvent], data: st.DataObject) -> None:
    again = data.draw(st.lists(st.sampled_from(events)))
    shuffled = data.draw(st.permutations(events + again))
    assert rows(fold(shuffled)) == rows(fold(events))
    assert fold(shuffled).words == fold(events).words
    assert fold(shuffled).late == {}


@given(BATCHES, st.data())
def test_of_two_words_the_first_counts_wherever_the_rest_stands(
    events: list[InferenceEvent], data: st.DataObject
) -> None:
    words: list[InferenceEvent] = [event for event in events if not isinstance(event, AttemptStarted)]
    contradicting = [word.model_copy(update={"event_id": new_id()}) for word in words]
    others: list[InferenceEvent] = [event for event in events if isinstance(event, AttemptStarted)]
    first = data.draw(st.permutations(words + others))
    second = data.draw(st.permutations(contradicting + others))
    books = fold([*first, *second])
    assert rows(books) == rows(fold(first))
    assert books.late == {word.event_id: word for word in contradicting}


@given(BATCHES, st.data())
def test_every_word_is_the_effective_one_or_late(events: list[InferenceEvent], data: st.DataObject) -> None:
    facts = [fact for event in events for fact in event.facts]
    words: list[InferenceEvent] = [fact for fact in facts if isinstance(fact, AttemptEnded | InferenceSettled)]
    more = [word.model_copy(update={"event_id": new_id()}) for word in words if data.draw(st.booleans())]
    books = fold(data.draw(st.permutations(events + more)))
    effective = {row["outcome_event_id"] for row in books.attempts.values()}
    effective |= {row["settlement_event_id"] for row in books.inferences.values()}
    event_ids = {word.event_id for word in [*words, *more]}
    assert (effective - {None}) | set(books.late) == event_ids
    assert not effective & set(books.late)
    assert len(effective - {None}) == len(words)
