"""From a record of an ingress topic to its requests."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.background.asking import admit
from services.gateway.inference.admission import Admitted, Deadlines
from services.gateway.ingress.asking import asked_by_kafka, body_of, digest_of, headers_of, operation_of
from services.gateway.ingress.reading import id_of_place, read
from shared.events.upstream import UpstreamBatchRequested, UpstreamRequest
from tests.unit.shared.events.samples import INFERENCE, NOW
from tests.unit.shared.kafka.records import record

_TOPIC = "acme.requests"
_CHAT = {"messages": [{"role": "user", "content": "hi"}]}
_BATCH = ("ce_type", UpstreamBatchRequested.ce_type.encode())
_DEADLINES = Deadlines(60.0, 3600.0)


def body(**more: Any) -> bytes:
    return json.dumps({"input": _CHAT} | more).encode()


def test_the_smallest_request_has_an_id_of_its_place() -> None:
    sent = record(_TOPIC, body())
    [line] = read(sent).lines
    assert line.request is not None
    assert line.whence.inference_id == id_of_place(sent, 0)
    assert line.whence.inference_id.version == 7
    assert line.whence.inference_id.variant == INFERENCE.variant
    assert read(sent).lines == read(sent).lines


def test_ids_differ_by_place_and_number() -> None:
    places = [(record(_TOPIC), 0), (record(_TOPIC), 1), (record(_TOPIC, offset=18), 0), (record("other"), 0)]
    assert len({id_of_place(*place) for place in places}) == len(places)


def test_a_batch_gives_its_fields_to_the_requests_that_have_none() -> None:
    requests = [{"input": _CHAT}, {"input": _CHAT, "reply_topic": "replies.own"}]
    sent = json.dumps({"tenant_id": "acme", "reply_topic": "replies.all", "requests": requests}).encode()
    for headers in ((), (_BATCH,)):
        first, second = read(record(_TOPIC, sent, headers=headers)).lines
        assert [line.whence.reply_topic for line in (first, second)] == ["replies.all", "replies.own"]
        assert [line.whence.tenant_id for line in (first, second)] == ["acme", "acme"]
        assert first.whence.inference_id != second.whence.inference_id


@pytest.mark.parametrize("name", ["session", "input", "api_key_id"])
def test_what_a_batch_cannot_say_for_all_is_refused_by_its_name(name: str) -> None:
    sent = json.dumps({"requests": [{"input": _CHAT}], name: "x"}).encode()
    assert read(record(_TOPIC, sent)).unreadable.startswith(name)


def test_a_request_that_is_wrong_still_says_who_is_to_be_told() -> None:
    [line] = read(record(_TOPIC, body(inference_id=str(INFERENCE), reply_topic="replies.acme", tags=7))).lines
    assert (line.request, line.whence.inference_id, line.whence.reply_topic) == (None, INFERENCE, "replies.acme")
    assert "tags" in line.wrong


@pytest.mark.parametrize("ce_type", [b"tallygate.inference.requested.v9", b"\xff", _BATCH[1]])
def test_what_is_another_event_is_unreadable(ce_type: bytes) -> None:
    assert read(record(_TOPIC, body(), headers=(("ce_type", ce_type),))).unreadable


@given(
    st.binary(max_size=200) | st.none(), st.lists(st.tuples(st.sampled_from(["ce_type", "traceparent"]), st.binary()))
)
def test_nothing_that_a_record_holds_stops_its_reader(sent: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    read(record(_TOPIC, sent, headers=tuple(headers)))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
_FIELDS = sorted({*UpstreamRequest.model_fields, *UpstreamBatchRequested.model_fields})


@given(st.dictionaries(st.sampled_from(_FIELDS), _VALUES))
def test_no_value_of_a_field_stops_it_either(fields: dict[str, Any]) -> None:
    found = read(record(_TOPIC, json.dumps(fields).encode()))
    assert found.unreadable or found.lines


def asked(now: datetime = NOW, **more: Any) -> Admitted:
    request = UpstreamRequest.model_validate({"input": _CHAT} | more)
    in_body = admit(operation_of(request), body_of(request), headers_of(request), now, _DEADLINES)
    return asked_by_kafka(in_body, request, record(_TOPIC), now, _DEADLINES)


def test_its_times_are_its_senders_as_far_as_they_can_be() -> None:
    minute = timedelta(minutes=1)
    published_at = datetime.fromtimestamp(1_700_000_000, UTC)  # of the record
    assert (asked().accepted_at, asked().deadline_at) == (published_at, published_at + minute)
    assert asked(accepted_at=NOW - minute).accepted_at == NOW - minute
    assert asked(accepted_at=NOW + timedelta(days=900)).accepted_at == NOW
    assert asked(accepted_at=NOW, deadline_at=NOW + timedelta(days=900)).deadline_at == NOW + timedelta(hours=1)
    assert asked(accepted_at=NOW, deadline_at=NOW - minute).deadline_at == NOW - minute


def test_what_stands_beside_the_input_goes_before_what_is_in_it() -> None:
    found = asked(request_model="custom:m", input=_CHAT | {"model": "other"}, options={"no_fallback": True})
    assert (found.model, found.options.no_fallback) == ("custom:m", True)


def test_what_is_asked_for_has_one_digest_however_it_is_written() -> None:
    first, second, other = (
        UpstreamRequest.model_validate_json(text)
        for text in (
            '{"input": {"a": 1, "b": 2}}',
            '{"session": "s", "input": {"b": 2, "a": 1}}',
            '{"input": {"a": 1}}',
        )
    )
    assert digest_of(first) == digest_of(second) != digest_of(other)
