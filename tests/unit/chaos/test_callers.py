import json

import pytest

from shared.client import Answer
from tests.chaos.callers import Asking, write_down
from tests.chaos.evidence import Note
from tests.chaos.mix import ask

QUESTION = ask(1, 1)


def told(status: int, inference_id: str | None, text: str) -> Note:
    note = Note(QUESTION.number, QUESTION.key)
    headers = {} if inference_id is None else {"x-tallygate-inference-id": inference_id}
    write_down(note, QUESTION, Answer(status, headers, text))
    return note


def test_an_answer_to_the_question_is_the_last_word() -> None:
    note = told(200, "id", f"You said: {QUESTION.text}")
    assert (note.resolved, note.answers_question, note.ids) == (True, True, {"id"})


def test_an_answer_to_another_question_is_seen() -> None:
    assert not told(200, "id", "You said: something else").answers_question


@pytest.mark.parametrize("status", [409, 429, 503])
def test_without_an_inference_it_may_be_asked_again(status: int) -> None:
    note = told(status, None, "later")
    assert (note.resolved, note.refused) == (False, 1)


def test_a_rejection_may_be_asked_again_although_it_has_an_id() -> None:
    note = told(429, "id", json.dumps({"error": {"code": "too_many_requests", "tips": []}}))
    assert (note.resolved, note.refused, note.ids) == (False, 1, set())


def test_a_503_of_an_inference_is_its_answer() -> None:
    note = told(503, "id", json.dumps({"error": {"code": "overloaded", "tips": []}}))
    assert (note.status, note.code) == (503, "overloaded")


def test_what_is_no_error_object_is_told_as_it_is() -> None:
    assert told(500, None, "<html>").code == "not an error object: <html>"


def test_requests_are_spread_over_the_time_or_come_in_bursts() -> None:
    even = Asking("tenant", lambda number: ask(1, number), requests=100, callers=1, seconds=50.0)
    assert [even.at_s(number) for number in (0, 1, 99)] == [0.0, 0.5, 49.5]
    bursts = even._replace(burst=20)
    assert [bursts.at_s(number) for number in (0, 19, 20, 99)] == [0.0, 0.0, 10.0, 40.0]
