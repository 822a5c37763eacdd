"""What the live feed tells of a record of the outcomes topic."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.monitor.lists.filters import Filters
from services.monitor.lists.live_events import LiveEvent, event_id, is_wanted, time_of, told
from shared.errors import failure
from tests.unit.shared.events.samples import ATTEMPT, INFERENCE, NOW, ended, settled

TOLD = failure("server_error", "h:80 answered 500: <script>", upstream_status=500)
FAILED_CALL = ended(outcome="failed", error=TOLD, operation_name="chat", api_key_id="k1")
SAID = {"operation_name": "chat", "api_key_id": "k1", "session": "s1", "tags": {"team": "search", "env": "prod"}}


def events(body: bytes) -> list[LiveEvent]:
    return list(told(body))


def test_a_settled_inference_is_an_item_of_the_list_with_its_error() -> None:
    served = ended(input_tokens=3, output_tokens=4, usage_state="reported", cost_usd=0.5, first_chunk_s=0.25)
    [event] = events(settled(**SAID, last=served).encoded())
    assert (event.tenant_id, event.kind, event.id, event.at) == (
        "acme",
        "inference",
        str(INFERENCE),
        settled().settled_at,
    )
    assert event.shown == {
        "inference_id": str(INFERENCE), "state": "completed", "operation": "chat",
        "accepted_at": "2026-11-23T12:00:00Z", "settled_at": "2026-11-23T12:00:03Z", "duration_s": 3.0,
        "model_requested": None, "model_served": "custom:m", "attempts": 1, "error_type": None, "first_chunk_s": 0.25,
        "usage": {"input_tokens": 3, "output_tokens": 4, "state": "reported"}, "cost_usd": 0.5, "key": "k1",
        "session": "s1", "tags": {"team": "search", "env": "prod"}, "error": None,
    }  # fmt: skip


def test_a_call_that_failed_is_told_whether_it_comes_alone_or_with_the_settlement() -> None:
    alone = events(FAILED_CALL.encoded())
    both = events(settled(settlement="failed", error=TOLD, model_served=None, last=FAILED_CALL).encoded())
    assert [event.kind for event in both] == ["attempt", "inference"]
    assert alone == both[:1]
    [call] = alone
    assert (call.id, call.shown["error_type"], call.shown["key"]) == (str(ATTEMPT), "server_error", "k1")
    assert call.shown["error"]["detail"] == "h:80 answered 500: <script>"
    assert call.shown["error"]["tips"]


def test_a_call_that_succeeded_is_told_with_its_inference_only() -> None:
    assert events(ended().encoded()) == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"1", b'"settlement"', b'{"settlement": 1}', b'{"outcome": "failed", "error": 5}',
     settled().encoded().replace(b'"settled_at":"2026', b'"settled_at":"x')],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_event_tells_nothing(body: bytes) -> None:
    assert events(body) == []


def test_as_a_server_sent_event() -> None:
    [event] = events(settled().encoded())
    kind, name, data, end, rest = event.encoded().split(b"\n")
    assert (kind, end, rest) == (b"event: inference", b"", b"")
    assert orjson.loads(data.removeprefix(b"data: ")) == event.shown
    assert time_of(name.removeprefix(b"id: ").decode()) == event.at


@pytest.mark.parametrize(
    ("filters", "kinds"),
    [
        (Filters(), ["attempt", "inference"]),
        (Filters(state="failed"), ["inference"]),
        (Filters(state="completed"), []),
        (Filters(error_type="server_error"), ["attempt", "inference"]),
        (Filters(error_type="rate_limited"), []),
        (Filters(model="custom:m", key="k1", operation="chat"), ["attempt", "inference"]),
        (Filters(model="custom:other"), []),
        (Filters(operation="embeddings"), []),
        (Filters(key="k2"), []),
        (Filters(session="s1"), ["inference"]),
        (Filters(tags=(("team", "search"), ("env", "prod"))), ["inference"]),
        (Filters(tags=(("team", "other"),)), []),
    ],
)
def test_filters(filters: Filters, kinds: list[str]) -> None:
    word = settled(settlement="failed", error=TOLD, model_served=None, last=FAILED_CALL, **SAID)
    assert [event.kind for event in events(word.encoded()) if is_wanted(event, filters)] == kinds


def test_the_id_of_an_event_says_its_time() -> None:
    at = datetime(2026, 11, 23, 12, 0, 0, 5, UTC)
    assert time_of(event_id(at, str(UUID(int=5)))) == at


@pytest.mark.parametrize(
    "text", ["", "5", "5.x", f"x.{UUID(int=5)}", f"{'9' * 17}.{UUID(int=5)}", f"{'9' * 18}.{UUID(int=5)}"]
)
def test_what_is_no_id_has_no_time(text: str) -> None:
    found: Any = time_of(text)
    assert found is None or found > NOW + timedelta(days=365)


def test_copies_for_models_on_trial_are_told_to_who_asks_for_them() -> None:
    [event] = events(settled(api_key_id="shadow").encoded())
    assert not is_wanted(event, Filters())
    assert is_wanted(event, Filters(key="shadow"))
