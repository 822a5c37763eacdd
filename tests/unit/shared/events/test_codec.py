import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events import InferenceRequested
from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import ATTEMPTS, OUTCOMES, REQUESTS, TOPICS, Topic
from tests.unit.shared.events.samples import ended, requested, settled, started

REQUESTED = [("ce_type", b"tallygate.inference.requested.v1")]


def why_not(topic: Topic, headers: list[tuple[str, bytes | None]], body: bytes | None) -> str:
    with pytest.raises(UnreadableMessageError) as caught:
        decode(topic, headers, body)
    return str(caught.value)


def with_fields(**more: object) -> bytes:
    return orjson.dumps(orjson.loads(requested().encoded()) | more)


def test_an_event_comes_back_as_it_was_sent() -> None:
    event = requested()
    assert decode(REQUESTS, event.headers("test", None), event.encoded()) == event


def test_ce_type_tells_apart_the_events_of_one_topic() -> None:
    assert decode(OUTCOMES, ended().headers("s", None), ended().encoded()).ce_type == ended().ce_type
    assert decode(OUTCOMES, settled().headers("s", None), settled().encoded()).ce_type == settled().ce_type


def test_where_only_one_event_can_be_the_header_may_be_left_out() -> None:
    assert isinstance(decode(REQUESTS, [], requested().encoded()), InferenceRequested)


def test_a_header_without_a_value_is_no_header() -> None:
    assert isinstance(decode(REQUESTS, [("ce_type", None)], requested().encoded()), InferenceRequested)


def test_where_there_are_several_the_header_is_needed() -> None:
    assert why_not(OUTCOMES, [], ended().encoded()) == "ce_type None is not an event of inference.outcomes.v1"


def test_an_event_of_another_topic_is_refused() -> None:
    reason = why_not(ATTEMPTS, [*ended().headers("s", None)], started().encoded())
    assert reason == "ce_type 'tallygate.attempt.ended.v1' is not an event of inference.attempts.v1"


def test_a_message_without_a_body_is_refused() -> None:
    assert why_not(REQUESTS, [*REQUESTED], None) == "the message has no body"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_what_is_not_a_json_object_is_refused(body: bytes) -> None:
    assert why_not(REQUESTS, [*REQUESTED], body).startswith("not a InferenceRequested: body: ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("inference_id", "opensesame"),
        ("inference_id", "9f0a3c1e-7b8d-4e2f-9a61-5c4d3e2f1a0b"),
        ("tenant_id", "open sesame"),
        ("tenant_id", ""),
        ("tenant_id", "x" * 65),
        ("request_model", "open\x00sesame"),
        ("request_model", "x" * 257),
        ("operation_name", "opensesame"),
        ("accepted_at", "2026-01-01T00:00:00"),
        ("deadline_at", "opensesame"),
        ("reply_partition", -1),
        ("delivery", 0),
        ("attempts_made", -1),
        ("sealed_input", 7),
        ("options", "opensesame"),
    ],
)
def test_a_wrong_field_is_named_and_its_value_is_not_repeated(field: str, value: object) -> None:
    reason = why_not(REQUESTS, [*REQUESTED], with_fields(**{field: value}))
    assert reason.startswith(f"not a InferenceRequested: {field}: ")
    assert "sesame" not in reason
    assert "9f0a3c1e" not in reason


def test_at_most_three_fields_are_named() -> None:
    assert why_not(REQUESTS, [*REQUESTED], b'{"delivery":0,"attempts_made":-1,"input":{}}').count(";") == 2


@given(st.sampled_from(TOPICS), st.binary(max_size=60), st.none() | st.binary(max_size=60))
def test_whatever_lies_on_a_topic_is_an_event_or_unreadable(topic: Topic, ce_type: bytes, body: bytes | None) -> None:
    with pytest.raises(UnreadableMessageError):
        decode(topic, [("ce_type", ce_type)], body)


@given(st.binary(max_size=60))
def test_whatever_a_body_holds_is_an_event_or_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableMessageError):
        decode(REQUESTS, [], body)
