from datetime import timedelta

import pytest

from services.monitor.books.books import ATTEMPT_COLUMNS, INFERENCE_COLUMNS, Books, fold
from shared.errors import failure
from shared.events import AttemptEnded, AttemptStarted, new_id
from tests.unit.shared.events.samples import ATTEMPT, INFERENCE, NOW, ended, requested, settled, started

TOLD = failure("server_error", "h:80 answered 500", upstream_status=500)
CANDIDATES = [{"model": "custom:m", "reason": "named by the request", "chosen": True}]


def test_nothing_gives_empty_books() -> None:
    assert fold([]) == Books()


def test_a_start_opens_an_attempt_and_an_inference() -> None:
    books = fold([started(candidates=CANDIDATES, model_requested="m")])
    attempt, inference = books.attempts[ATTEMPT], books.inferences[INFERENCE]
    assert (attempt["on_record"], attempt["outcome"], attempt["outcome_event_id"]) == (True, None, None)
    assert (attempt["router_id"], attempt["reason"]) == ("r1", "named by the request")
    assert (inference["settlement"], inference["delivery"], inference["candidates"]) == (None, 1, CANDIDATES)
    assert (inference["request_partition"], inference["request_offset"]) == (3, 42)
    assert (inference["model_requested"], inference["deadline_at"]) == ("m", NOW + timedelta(seconds=120))


def test_a_retry_keeps_what_the_first_start_told_of_the_candidates() -> None:
    books = fold([started(candidates=CANDIDATES), started(attempt_id=new_id(), attempt_number=2)])
    assert len(books.attempts) == 2
    assert books.inferences[INFERENCE]["candidates"] == CANDIDATES


def test_a_start_that_tells_of_no_candidates_leaves_them_open() -> None:
    assert fold([started()]).inferences[INFERENCE]["candidates"] is None


def test_a_second_delivery_keeps_what_the_first_told_of_the_candidates() -> None:
    other = [{"model": "openai:b", "reason": "provider model", "chosen": True}]
    second = started(attempt_id=new_id(), delivery=2, candidates=other)
    assert fold([started(candidates=CANDIDATES), second]).inferences[INFERENCE]["candidates"] == CANDIDATES


@pytest.mark.parametrize(
    "said", [started(api_key_id="k1"), ended(api_key_id="k1", operation_name="chat")], ids=["start", "end"]
)
def test_either_word_of_a_call_says_for_which_key_and_operation_it_was(said: AttemptStarted | AttemptEnded) -> None:
    attempt = fold([said]).attempts[ATTEMPT]
    assert (attempt["key_id"], attempt["operation_name"]) == ("k1", "chat")


def test_an_inference_that_was_never_called_tells_who_asked() -> None:
    refused = settled(settlement="rejected", api_key_id="k1", session="checkout-42", tags={"team": "search"})
    row = fold([refused]).inferences[INFERENCE]
    assert (row["key_id"], row["session"], row["tags"]) == ("k1", "checkout-42", {"team": "search"})


def test_an_outcome_closes_the_attempt() -> None:
    outcome = ended(input_tokens=3, output_tokens=4, cost_usd=0.5, finish_reasons=["stop"], response_model="up")
    attempt = fold([started(), outcome]).attempts[ATTEMPT]
    assert (attempt["outcome"], attempt["outcome_event_id"]) == ("succeeded", outcome.event_id)
    assert (attempt["input_tokens"], attempt["output_tokens"], attempt["cost_usd"]) == (3, 4, 0.5)
    assert (attempt["finish_reasons"], attempt["response_model"]) == (["stop"], "up")
    assert (attempt["ended_at"], attempt["duration_s"]) == (NOW + timedelta(seconds=3), 1.0)
    assert (attempt["error_type"], attempt["error"]) == (None, None)


def test_a_failed_outcome_is_booked_with_its_error() -> None:
    attempt = fold([started(), ended(outcome="failed", error=TOLD)]).attempts[ATTEMPT]
    assert (attempt["outcome"], attempt["error_type"]) == ("failed", "server_error")
    assert attempt["error"]["detail"] == "h:80 answered 500"
    assert "retry_after_s" not in attempt["error"]


def test_an_outcome_alone_opens_no_inference_and_is_not_on_record() -> None:
    books = fold([ended()])
    assert books.attempts[ATTEMPT]["on_record"] is False
    assert books.attempts[ATTEMPT]["outcome"] == "succeeded"
    assert books.inferences == {}


def test_an_outcome_before_its_start_gives_the_same_row() -> None:
    first, second = started(), ended()
    assert fold([second, first]).attempts == fold([first, second]).attempts


def test_an_outcome_that_travels_in_the_settlement_is_booked_as_one_by_itself() -> None:
    outcome, word = ended(), settled()
    together, apart = fold([started(), word.model_copy(update={"last": outcome})]), fold([started(), outcome, word])
    assert (together.attempts, together.inferences) == (apart.attempts, apart.inferences)
    assert together.facts == apart.facts == 3


def test_an_outcome_in_the_settlement_is_late_when_another_one_came_before() -> None:
    first, second = ended(event_id=new_id()), ended(event_id=new_id())
    books = fold([started(), first, settled(last=second)])
    assert books.attempts[ATTEMPT]["outcome_event_id"] == first.event_id
    assert books.late == {second.event_id: second}


def test_a_settlement_closes_the_inference() -> None:
    word = settled(settlement="failed", error=TOLD, model_served=None, attempts=2)
    inference = fold([started(), word]).inferences[INFERENCE]
    assert (inference["settlement"], inference["settlement_event_id"]) == ("failed", word.event_id)
    assert (inference["first_model"], inference["model_served"], inference["attempts"]) == ("custom:m", None, 2)
    assert (inference["error_type"], inference["duration_s"]) == ("server_error", 3.0)


def test_a_repeated_event_is_not_late() -> None:
    events = [started(), ended(), settled()]
    assert fold(events * 3) == fold(events)
    assert fold(events * 3).late == {}


def test_a_second_outcome_is_late_and_changes_nothing() -> None:
    first, second = ended(outcome="failed", error=TOLD), ended()
    books = fold([started(), first, second])
    assert books.attempts == fold([started(event_id=new_id()), first]).attempts
    assert books.late == {second.event_id: second}


def test_a_second_settlement_is_late_and_changes_nothing() -> None:
    first, second = settled(), settled(settlement="failed", error=TOLD)
    books = fold([first, second])
    assert books.inferences == fold([first]).inferences
    assert books.late == {second.event_id: second}


def test_a_repetition_of_a_late_word_is_kept_once() -> None:
    first, second = ended(), ended()
    assert fold([first, second, first, second]).late == {second.event_id: second}


def test_outcomes_of_different_attempts_are_not_late() -> None:
    assert fold([ended(), ended(attempt_id=new_id())]).late == {}


def test_every_word_can_be_found_by_its_id() -> None:
    outcome, settlement = ended(), settled()
    assert fold([started(), outcome, settlement]).words == {
        outcome.event_id: outcome, settlement.event_id: settlement,
    }  # fmt: skip


@pytest.mark.parametrize("deliveries", [(1, 2), (2, 1)])
def test_the_highest_delivery_counts(deliveries: tuple[int, int]) -> None:
    starts = [started(attempt_id=new_id(), delivery=delivery) for delivery in deliveries]
    assert fold(starts).inferences[INFERENCE]["delivery"] == 2


def test_a_settlement_tells_the_delivery_too() -> None:
    assert fold([started(), settled(delivery=3)]).inferences[INFERENCE]["delivery"] == 3


def test_what_is_no_word_on_a_call_is_not_booked() -> None:
    assert fold([requested()]) == Books()


def test_the_slices_in_which_calls_ended_and_inferences_were_settled_are_touched_once() -> None:
    events = [ended(attempt_id=new_id(), ended_at=NOW + timedelta(seconds=s)) for s in (0, 4.999, 5, 59.999, 60)]
    touched = {("acme", NOW + timedelta(seconds=s)) for s in (0, 5, 55, 60, 120)}
    assert fold([*events, started(), settled(settled_at=NOW + timedelta(minutes=2))]).touched_slices == touched


def test_what_is_said_of_a_day_that_was_dropped_is_a_late_word() -> None:
    start, end, settlement = started(), ended(), settled()
    books = fold([start, end, settlement], NOW + timedelta(days=1))
    assert books == Books(late={event.event_id: event for event in (start, end, settlement)})
    assert fold([start, end, settlement], NOW).late == {}


def test_every_row_has_every_column() -> None:
    for events in ([started()], [ended()], [settled()], [started(), ended(), settled()]):
        books = fold(events)
        assert all(set(row) == set(ATTEMPT_COLUMNS) for row in books.attempts.values())
        assert all(set(row) == set(INFERENCE_COLUMNS) for row in books.inferences.values())
