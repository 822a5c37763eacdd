"""What the books read of the request topic."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.monitor.books.books import Booked, fold
from services.monitor.books.requests import accepted
from services.monitor.summary.timeline import timeline
from shared.events.inference import ACCEPTED
from shared.kafka import ConsumerRecord
from tests.unit.shared.events.samples import INFERENCE, NOW, requested, started

_TIMESTAMP_MS = 1_800_000_000_000
_ASKED = requested(
    reply_partition=4, request_model="custom:m", api_key_id="k1", session="checkout-42", tags={"team": "search"}
)
_HEADERS = dict(_ASKED.headers("tallygate/gateway/g1", None))


def record(
    value: bytes | None, headers: dict[str, bytes], key: bytes | None = INFERENCE.bytes
) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(
        topic="inference.requests.v1", partition=3, offset=42, timestamp=_TIMESTAMP_MS, timestamp_type=0, key=key,
        value=value, checksum=None, serialized_key_size=16, serialized_value_size=0, headers=tuple(headers.items()),
    )  # fmt: skip


def test_our_own_services_tell_it_in_a_header_and_the_body_is_not_read() -> None:
    told = accepted(record(b"not read", _HEADERS))
    assert told is not None
    assert (told.partition, told.offset) == (3, 42)
    assert told.request == _ASKED.accepted


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("traceparent", "trace"),
    [
        (f"00-{TRACE}-b7ad6b7169203331-01", TRACE),
        (f"cc-{TRACE}-b7ad6b7169203331-01-what-will-be", TRACE),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", None),
        (f"00-{TRACE.upper()}-b7ad6b7169203331-01", None),
        ("", None),
        ("\x1b[31m", None),
    ],
)
def test_its_trace_is_on_record(traceparent: str, trace: str | None) -> None:
    told = accepted(record(b"not read", _HEADERS | {"traceparent": traceparent.encode()}))
    assert told is not None
    assert timeline(fold([told]).inferences[INFERENCE], [])["trace_id"] == trace


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {ACCEPTED: b"{"},
        _HEADERS | {ACCEPTED: b"{}"},
        _HEADERS | {ACCEPTED: _HEADERS[ACCEPTED].replace(b"acme", b"a/b")},
    ],
    ids=["none", "no JSON", "empty", "not allowed"],
)
def test_without_a_header_that_says_it_the_body_is_read(headers: dict[str, bytes]) -> None:
    told = accepted(record(requested(store_result=True).encoded(), headers))
    assert told is not None
    assert told.request == requested(store_result=True).accepted


def test_a_header_that_came_with_another_request_is_not_believed() -> None:
    told = accepted(record(requested(store_result=True).encoded(), _HEADERS, b"another"))
    assert told is not None
    assert told.request.store_result


@pytest.mark.parametrize("word", ["shadow", "probe"])
def test_a_header_alone_does_not_hide_what_a_request_costs(word: str) -> None:
    headers = dict(requested(api_key_id=word).headers("theirs", None))
    told = accepted(record(requested(api_key_id="k1").encoded(), headers))
    assert told is not None
    assert told.request.api_key_id == "k1"


def test_time_counts_from_the_record_when_an_upstream_service_tells_none() -> None:
    body = {"inference_id": str(INFERENCE), "tenant_id": "acme", "input": {}}
    told = accepted(record(json.dumps(body).encode(), {}))
    assert told is not None
    at = datetime.fromtimestamp(_TIMESTAMP_MS / 1000, UTC)
    assert (told.request.accepted_at, told.request.deadline_at) == (at, at + timedelta(seconds=120))


@pytest.mark.parametrize("value", [None, b"", b"{", b"{}", b'{"inference_id": 7}'])
def test_what_is_no_request_is_passed_over(value: bytes | None) -> None:
    assert accepted(record(value, {})) is None


def test_a_request_puts_an_inference_into_the_books_that_nobody_has_begun() -> None:
    told = accepted(record(None, _HEADERS))
    assert told is not None
    [row] = fold([told]).inferences.values()
    assert (row["inference_id"], row["tenant_id"], row["accepted_at"]) == (INFERENCE, "acme", NOW)
    assert (row["router_id"], row["settlement"], row["delivery"], row["model_requested"]) == (None, None, 1, "custom:m")
    assert (row["request_partition"], row["request_offset"], row["reply_partition"]) == (3, 42, 4)
    assert row["deadline_at"] == NOW + timedelta(seconds=120)


@pytest.mark.parametrize("starts_first", [True, False])
def test_who_has_begun_counts_more_than_the_request_and_a_later_delivery_more_than_both(*, starts_first: bool) -> None:
    told = accepted(record(None, _HEADERS))
    assert told is not None
    events: list[Booked] = [started(router_id="r1", request_offset=42), told]
    books = fold(events if starts_first else events[::-1])
    assert books.inferences[INFERENCE]["router_id"] == "r1"
    again = told._replace(request=requested(delivery=2).accepted, offset=77)
    later: list[Booked] = [again, *events] if starts_first else [*events, again]
    row = fold(later).inferences[INFERENCE]
    assert (row["router_id"], row["delivery"], row["request_offset"]) == (None, 2, 77)
