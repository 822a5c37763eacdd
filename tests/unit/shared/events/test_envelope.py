from datetime import datetime
from uuid import UUID

import pytest
from pydantic import ValidationError

from shared.events import InferenceRequested, new_id
from shared.events.envelope import header
from shared.events.inference import ACCEPTED, InferenceAccepted
from tests.unit.shared.events.samples import INFERENCE, requested

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_the_headers_are_cloudevents_in_binary_mode() -> None:
    event = requested()
    headers = dict(event.headers("tallygate/gateway/g1", None))
    assert datetime.fromisoformat(headers.pop("ce_time").decode()).tzinfo is not None
    assert headers == {
        "content-type": b"application/json",
        "ce_specversion": b"1.0",
        "ce_id": str(event.event_id).encode(),
        "ce_type": b"tallygate.inference.requested.v1",
        "ce_source": b"tallygate/gateway/g1",
        "ce_subject": str(INFERENCE).encode(),
        ACCEPTED: event.accepted.model_dump_json(exclude_defaults=True).encode(),
    }


def test_a_trace_goes_on_in_the_headers() -> None:
    assert header(requested().headers("s", TRACEPARENT), "traceparent") == TRACEPARENT


def test_the_key_is_the_inference() -> None:
    assert requested().key == INFERENCE.bytes


def test_every_event_has_an_id_of_its_own() -> None:
    assert requested().event_id != requested().event_id


def test_ids_are_uuid_7_and_in_order_of_creation() -> None:
    ids = [new_id() for _ in range(100)]
    assert {one.version for one in ids} == {7}
    assert [one.int >> 80 for one in ids] == sorted(one.int >> 80 for one in ids)


def test_an_inference_id_of_another_version_is_refused() -> None:
    with pytest.raises(ValidationError, match="inference_id"):
        requested(inference_id=UUID("9f0a3c1e-7b8d-4e2f-9a61-5c4d3e2f1a0b"))


def test_an_event_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        requested().tenant_id = "other"  # type: ignore[misc]


def test_what_is_encoded_can_be_decoded() -> None:
    event = requested(request_model="custom:m", reply_partition=7)
    assert InferenceRequested.decoded(event.encoded()) == event


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ([], None),
        ([("other", b"x")], None),
        ([("a", b"1"), ("a", b"2")], "1"),
        ([("a", None)], None),
        ([("a", None), ("a", b"2")], "2"),
        ([("a", b"\xff")], "�"),
        ([("a", b"")], ""),
    ],
)
def test_a_header_is_the_first_one_that_has_a_value(headers: list[tuple[str, bytes | None]], value: str | None) -> None:
    assert header(headers, "a") == value


def test_the_header_of_a_request_says_what_the_books_hold_of_it() -> None:
    event = requested(request_model="custom:m", reply_partition=3, store_result=True, delivery=2)
    [told] = [value for name, value in event.headers("gateway", None) if name == ACCEPTED]
    assert InferenceAccepted.model_validate_json(told) == event.accepted
