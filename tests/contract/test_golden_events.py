"""What was once published must stay readable: one golden file per event version, never edited, only added to."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.events import Event, InferenceEvent
from shared.events.codec import decode
from shared.events.topics import TOPICS, Topic

GOLDEN = Path(__file__).parent / "golden"
PUBLISHED: dict[str, tuple[Topic, type[Event]]] = {
    kind.ce_type: (topic, kind) for topic in TOPICS for kind in topic.events
}

every_event = pytest.mark.parametrize("ce_type", PUBLISHED)


def golden(ce_type: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((GOLDEN / f"{ce_type}.json").read_text())
    return fields


def known_part(written: Any, known: Any) -> Any:
    """Without what has been added inside of values since the golden file was written."""
    if isinstance(written, dict) and isinstance(known, dict):
        return {name: known_part(value, known[name]) for name, value in written.items() if name in known}
    if isinstance(written, list) and isinstance(known, list) and len(written) == len(known):
        return [known_part(*pair) for pair in zip(written, known, strict=True)]
    return written


def read(ce_type: str, fields: dict[str, Any]) -> Event:
    topic, _ = PUBLISHED[ce_type]
    return decode(topic, [("ce_type", ce_type.encode())], json.dumps(fields).encode())


def test_every_event_has_a_golden_file_and_every_golden_file_an_event() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(PUBLISHED)


@every_event
def test_the_golden_event_reads_as_its_kind(ce_type: str) -> None:
    assert type(read(ce_type, golden(ce_type))) is PUBLISHED[ce_type][1]


@every_event
def test_writing_it_again_loses_and_changes_nothing(ce_type: str) -> None:
    written = json.loads(read(ce_type, golden(ce_type)).encoded())
    assert known_part(written, golden(ce_type)) == golden(ce_type)


@every_event
def test_the_golden_file_holds_every_field_of_the_event(ce_type: str) -> None:
    assert set(golden(ce_type)) == set(PUBLISHED[ce_type][1].model_fields)


@every_event
def test_a_field_of_a_newer_writer_is_ignored(ce_type: str) -> None:
    newer = golden(ce_type) | {"field_of_tomorrow": {"nested": [1]}}
    assert read(ce_type, newer) == read(ce_type, golden(ce_type))


@every_event
def test_a_field_of_a_newer_writer_inside_a_value_is_ignored(ce_type: str) -> None:
    newer = golden(ce_type)
    for name, value in newer.items():
        if name == "tags":  # its names are the caller's
            continue
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                part["field_of_tomorrow"] = 1
    assert read(ce_type, newer) == read(ce_type, golden(ce_type))


SEALED = {
    "tallygate.inference.requested.v1", "tallygate.reply.completed.v1", "tallygate.feature.requested.v1",
    "tallygate.feature.settled.v1",
}  # fmt: skip

# What a writer of the first version must send. A field added here would make older events unreadable.
REQUIRED: dict[str, set[str]] = {
    "tallygate.inference.requested.v1": set(),
    "tallygate.inference.settled.v1": {"settlement", "accepted_at", "settled_at", "duration_s", "reported_by"},
    "tallygate.attempt.started.v1": {
        "attempt_id", "attempt_number", "delivery", "model", "reason", "provider_name", "request_model",
        "server_address", "router_id", "accepted_at", "started_at", "deadline_at", "request_partition",
        "request_offset",
    },
    "tallygate.attempt.ended.v1": {
        "attempt_id", "attempt_number", "model", "server_address", "provider_name", "outcome", "started_at",
        "ended_at", "duration_s", "reported_by",
    },
    "tallygate.inference.held.v1": {
        "delivery", "router_id", "accepted_at", "held_at", "deadline_at", "request_partition", "request_offset",
    },
    "tallygate.reply.completed.v1": {"sealed_body", "model_served", "attempts"},
    "tallygate.reply.failed.v1": {"settlement", "error"},
    "tallygate.cancellation.requested.v1": set(),
    "tallygate.router.heartbeat.v1": {"router_id", "started_at", "beat_at"},
    "tallygate.model.health_changed.v1": {"tenant_id", "model", "status", "changed_at"},
    "tallygate.session.capped.v1": {"tenant_id", "session", "since"},
    "tallygate.session.spent.v1": {"tenant_id", "session", "since", "usd", "calls", "tokens", "as_of"},
    "tallygate.tenant.spent.v1": {
        "tenant_id", "day", "usd_day", "usd_month", "tokens_day", "tokens_month", "as_of",
    },
    "tallygate.day.sealed.v1": {"number", "day", "sequence", "signed", "signature"},
    "tallygate.feature.requested.v1": {"feature_id", "tenant_id", "sealed_input"},
    "tallygate.feature.started.v1": {
        "feature_id", "tenant_id", "worker_id", "delivery", "generator", "accepted_at", "started_at", "deadline_at",
    },
    "tallygate.feature.progressed.v1": {"feature_id", "tenant_id", "worker_id", "step", "progressed_at"},
    "tallygate.feature.settled.v1": {
        "feature_id", "tenant_id", "settlement", "generator", "accepted_at", "settled_at", "duration_s", "reported_by",
    },
    "tallygate.feature.cancel_requested.v1": {"feature_id", "tenant_id"},
    "tallygate.feature.worker_beat.v1": {"worker_id", "started_at", "beat_at"},
}  # fmt: skip


@every_event
def test_no_field_became_required(ce_type: str) -> None:
    required = {name for name, field in PUBLISHED[ce_type][1].model_fields.items() if field.is_required()}
    of_an_inference = {"inference_id", "tenant_id"} if issubclass(PUBLISHED[ce_type][1], InferenceEvent) else set()
    assert required == REQUIRED[ce_type] | of_an_inference


@every_event
def test_events_about_calls_hold_no_content(ce_type: str) -> None:
    content = {"input", "sealed_input", "sealed_body", "sealed_result"} & set(PUBLISHED[ce_type][1].model_fields)
    assert not content or ce_type in SEALED
