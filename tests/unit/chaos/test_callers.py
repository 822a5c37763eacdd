import json

import pytest

from shared.client import Answer
from tests.chaos.callers import Asking, write_down, write_down_stream
from tests.chaos.evidence import Note
from tests.chaos.mix import ask
from tests.support.streaming import Told

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


WHOLE = "all of it"
FINISH = {"index": 0, "delta": {}, "finish_reason": "stop"}


def stream_told(text: str, *more: object, status: int = 200, error_code: str | None = None, **ended: bool) -> Note:
    """more: choices that follow the text."""
    note = Note(QUESTION.number, QUESTION.key)
    error = None if error_code is None else {"code": error_code}
    said = [{"index": 0, "delta": {"content": text}}, *more]
    told = Told(status, {"x-tallygate-inference-id": "id"}, [{"choices": [choice]} for choice in said], error, **ended)
    write_down_stream(note, WHOLE, told)
    return note


def test_a_whole_stream_is_an_answer() -> None:
    note = stream_told(WHOLE, FINISH, done=True)
    assert (note.status, note.code, note.ids, note.streams_wrong) == (200, None, {"id"}, [])


def test_a_stream_that_is_told_as_broken_is_an_answer_too() -> None:
    note = stream_told("all", error_code="stream_broken")
    assert (note.status, note.code, note.streams_wrong) == (502, "stream_broken", [])


def test_a_stream_whose_connection_was_lost_is_asked_for_again() -> None:
    note = stream_told("all", broken=True)
    assert (note.resolved, note.lost, note.ids, note.streams_wrong) == (False, 1, {"id"}, [])


def test_a_stream_of_a_gateway_that_stops_is_asked_for_again() -> None:
    note = stream_told("all", error_code="unavailable")
    assert (note.resolved, note.refused) == (False, 1)


@pytest.mark.parametrize(
    ("note", "wrong"),
    [
        (stream_told("all", done=True), "looked complete after 3 of 9 characters"),
        (stream_told("all", FINISH, error_code="stream_broken"), "looked complete after 3 of 9 characters"),
        (stream_told("of it", broken=True), "was told what the model did not send"),
        (stream_told("all"), "ended without a word"),
    ],
    ids=["done", "finish_reason", "other", "silent"],
)
def test_what_is_wrong_in_a_stream_is_seen(note: Note, wrong: str) -> None:
    assert note.streams_wrong == [wrong]
