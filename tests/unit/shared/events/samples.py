"""One event of every kind, with fixed ids and times."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from shared.errors import failure
from shared.events import (
    AttemptEnded,
    AttemptStarted,
    InferenceHeld,
    InferenceRequested,
    InferenceSettled,
    ReplyFailed,
    new_id,
)

INFERENCE = UUID("019a0000-0000-7000-8000-000000000001")
ATTEMPT = UUID("019a0000-0000-7000-8000-000000000002")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def requested(**more: object) -> InferenceRequested:
    fields: dict[str, object] = {"inference_id": INFERENCE, "tenant_id": "acme", "sealed_input": "c2VhbGVk"}
    return InferenceRequested.model_validate(fields | {"accepted_at": NOW} | more)


def started(**more: object) -> AttemptStarted:
    fields: dict[str, object] = {
        "inference_id": INFERENCE,
        "tenant_id": "acme",
        "attempt_id": ATTEMPT,
        "attempt_number": 1,
        "delivery": 1,
        "model": "custom:m",
        "reason": "named by the request",
        "provider_name": "openai",
        "request_model": "m",
        "server_address": "h:80",
        "router_id": "r1",
        "accepted_at": NOW,
        "started_at": NOW + timedelta(seconds=1),
        "deadline_at": NOW + timedelta(seconds=120),
        "request_partition": 3,
        "request_offset": 42,
    }
    return AttemptStarted.model_validate(fields | more)


def held(**more: object) -> InferenceHeld:
    fields: dict[str, object] = {
        "inference_id": INFERENCE,
        "tenant_id": "acme",
        "delivery": 1,
        "router_id": "r1",
        "accepted_at": NOW,
        "held_at": NOW + timedelta(seconds=1),
        "deadline_at": NOW + timedelta(seconds=120),
        "request_partition": 3,
        "request_offset": 42,
    }
    return InferenceHeld.model_validate(fields | more)


def handed_back(hold: InferenceHeld, *, was_claimed: bool = False) -> InferenceHeld:
    at = hold.held_at + timedelta(microseconds=1)
    told = {"event_id": new_id(), "held_at": at, "handed_back": True, "was_claimed": was_claimed}
    return hold.model_copy(update=told)


def ended(**more: object) -> AttemptEnded:
    fields: dict[str, object] = {
        "inference_id": INFERENCE,
        "tenant_id": "acme",
        "attempt_id": ATTEMPT,
        "attempt_number": 1,
        "model": "custom:m",
        "server_address": "h:80",
        "provider_name": "openai",
        "outcome": "succeeded",
        "started_at": NOW + timedelta(seconds=2),
        "ended_at": NOW + timedelta(seconds=3),
        "duration_s": 1.0,
        "reported_by": "router/r1",
    }
    return AttemptEnded.model_validate(fields | more)


def settled(**more: object) -> InferenceSettled:
    fields: dict[str, object] = {
        "inference_id": INFERENCE,
        "tenant_id": "acme",
        "settlement": "completed",
        "first_model": "custom:m",
        "model_served": "custom:m",
        "server_address": "h:80",
        "attempts": 1,
        "accepted_at": NOW,
        "settled_at": NOW + timedelta(seconds=3),
        "duration_s": 3.0,
        "reported_by": "router/r1",
    }
    return InferenceSettled.model_validate(fields | more)


def reply_failed(**more: object) -> ReplyFailed:
    fields: dict[str, object] = {
        "inference_id": INFERENCE,
        "tenant_id": "acme",
        "settlement": "failed",
        "error": failure("server_error", "h:80 answered 500"),
    }
    return ReplyFailed.model_validate(fields | more)
