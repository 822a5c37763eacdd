"""What was read of an event from outside can be worked on. That every field has a bound: docs/test_limits_page.py."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.router.intake import Intake
from shared.events import Event, FeatureRequested, InferenceRequested, utc_now
from shared.events.bounds import instant_of
from shared.events.codec import UnreadableMessageError, decode
from shared.events.topics import REPLIES, REQUESTS, TOPICS, Topic
from shared.kafka.dead_letters.letter import DeadLetter
from tests.unit.shared.events.samples import requested
from tests.unit.shared.kafka.records import record

GOLDEN = Path(__file__).parents[3] / "contract" / "golden"
KINDS = [(topic, kind) for topic in TOPICS for kind in topic.events]

ODD = st.sampled_from([
    -(10**15), 10**15, 2**31, 2**63, 10**30, -1, 0, 64, 1e308, float("inf"), float("nan"), "", "\x00",
    "x" * 5000, "1e999", "NaN", "9999-12-31",
    "9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00", "2026-11-23T12:00:00", [[]], {"": {}},
])  # fmt: skip
ANY = ODD | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=8,
)


def golden(kind: type[Event]) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((GOLDEN / f"{kind.ce_type}.json").read_text())
    return fields


def read(topic: Topic, kind: type[Event], fields: dict[str, Any]) -> Event | None:
    try:
        return decode(topic, [("ce_type", kind.ce_type.encode())], json.dumps(fields).encode())
    except UnreadableMessageError:
        return None


@pytest.mark.parametrize(("topic", "kind"), KINDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_a_field_holds_it_is_read_or_refused_and_what_was_read_can_be_worked_on(
    topic: Topic, kind: type[Event], data: st.DataObject
) -> None:
    fields = golden(kind)
    names = sorted(fields.keys() | kind.model_fields.keys())
    fields[data.draw(st.sampled_from(names))] = data.draw(ANY)

    event = read(topic, kind, fields)

    if event is not None:
        assert kind.decoded(event.encoded()) == event
        assert event.key is not None
        assert event.headers("test", None)
        if isinstance(event, InferenceRequested | FeatureRequested):
            assert event.expires_at + timedelta(days=1) > event.accepted_at - timedelta(days=400_000)


HOSTILE_TIMES = st.sampled_from([-(2**63), -(10**15), -1, 0, 10**15, 2**63 - 1, 253402300800000]) | st.integers(
    -(2**63), 2**63 - 1
)


def with_time(found: ConsumerRecord, timestamp_ms: int) -> ConsumerRecord:
    found.timestamp = timestamp_ms
    return found


@given(
    HOSTILE_TIMES,
    st.dictionaries(
        st.sampled_from(["reply_partition", "accepted_at", "deadline_at", "delivery", "attempts_made"]), ANY
    ),
    st.lists(st.tuples(st.sampled_from(["ce_type", "traceparent", "x"]), st.none() | st.binary())),
    st.none() | st.binary(),
)
@example(-(10**15), {}, [], None)
@example(0, {"deadline_at": "9999-12-31T23:59:59-05:00"}, [], None)
@example(0, {"reply_partition": 64}, [], None)
@settings(deadline=None)
def test_a_router_reads_a_request_or_refuses_it_whatever_its_record_holds(
    timestamp_ms: int, fields: dict[str, Any], headers: list[tuple[str, bytes]], key: bytes | None
) -> None:
    body = json.loads(requested().encoded())
    del body["accepted_at"], body["deadline_at"]
    nothing: Any = None
    found = with_time(record(REQUESTS.name, json.dumps(body | fields).encode(), key, tuple(headers)), timestamp_ms)
    try:
        asked = Intake(nothing, nothing, nothing, nothing, nothing).read(found)
    except UnreadableMessageError:
        return
    assert asked.request.accepted_at <= utc_now() + timedelta(hours=1)
    assert asked.request.expires_at <= asked.request.accepted_at + timedelta(days=7)
    assert 0 <= (asked.request.reply_partition or 0) < REPLIES.partitions


@given(HOSTILE_TIMES)
def test_a_time_that_is_none_of_ours_is_none(timestamp_ms: int) -> None:
    at = instant_of(timestamp_ms)
    assert at is None or 2000 <= at.year < 2200
    assert DeadLetter.of(with_time(record(REQUESTS.dlq), timestamp_ms)).at.tzinfo is not None


def test_a_deadline_that_was_over_at_acceptance_is_read_so_that_its_caller_is_told() -> None:
    event = requested()
    passed = event.model_copy(update={"deadline_at": event.accepted_at - timedelta(hours=1)})
    assert InferenceRequested.decoded(passed.encoded()) == passed
