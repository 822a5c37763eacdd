"""Pure: from a record of the outcomes topic to what the live feed tells of it."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson

from services.monitor.lists.filters import Filters
from services.monitor.lists.items import usage
from services.monitor.lists.page import Row
from shared.events.inference import SHADOW

_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)
_ERROR = ("error_type", "title", "detail", "tips", "upstream_status")


class LiveEvent(NamedTuple):
    """A settled inference, or a call that failed. at: when it ended. models, errors: by which it can be found.
    shown: as a reader has it."""

    tenant_id: str
    kind: str
    id: str
    at: datetime
    models: tuple[str | None, ...]
    errors: tuple[str | None, ...]
    shown: Mapping[str, Any]

    def encoded(self) -> bytes:
        data = orjson.dumps(self.shown)
        return b"event: %b\nid: %b\ndata: %b\n\n" % (self.kind.encode(), event_id(self.at, self.id).encode(), data)


def told(body: bytes) -> Iterator[LiveEvent]:
    """Of one record. What is none of our events tells nothing: those who book it say why."""
    try:
        event = orjson.loads(body)
        if "settlement" in event:
            last = event.get("last")
            if last is not None and last["outcome"] == "failed":
                yield _failed_call(last)
            yield _settled(event, last)
        elif event.get("outcome") == "failed":
            yield _failed_call(event)
    except (ValueError, TypeError, KeyError, AttributeError):
        return


def is_wanted(event: LiveEvent, filters: Filters) -> bool:
    """What belongs to a session, or has tags or a state, are inferences."""
    shown = event.shown
    tags = shown.get("tags", {})
    return (
        (filters.model is None or filters.model in event.models)
        and (filters.error_type is None or filters.error_type in event.errors)
        and (filters.state is None or filters.state == shown.get("state"))
        and (filters.operation is None or filters.operation == shown["operation"])
        and (shown["key"] != SHADOW if filters.key is None else filters.key == shown["key"])
        and (filters.session is None or filters.session == shown.get("session"))
        and all(tags.get(name) == value for name, value in filters.tags)
    )


def booked(row: Row, shown: Mapping[str, Any]) -> LiveEvent:
    """A settled inference as the books have it, for a reader that was away. shown: its item."""
    told_of = {**shown, "error": _error(row["error"])}
    return LiveEvent(
        row["tenant_id"], "inference", str(row["inference_id"]), row["settled_at"], models=(), errors=(), shown=told_of
    )


def event_id(at: datetime, ended_id: str) -> str:
    return f"{(at - _EPOCH) // _MICROSECOND}.{ended_id}"


def time_of(last_event_id: str) -> datetime | None:
    """None: it is no id of an event."""
    at, _, ended_id = last_event_id.partition(".")
    try:
        UUID(ended_id)
        return _EPOCH + int(at) * _MICROSECOND if len(at) <= 17 else None
    except (ValueError, OverflowError):
        return None


def _settled(event: Mapping[str, Any], last: Mapping[str, Any] | None) -> LiveEvent:
    call = None if last is None else {"usage_state": None, "input_tokens": None, "output_tokens": None, **last}
    error = event.get("error")
    error_type = error["error_type"] if error else None
    shown = {
        "inference_id": event["inference_id"],
        "state": event["settlement"],
        "operation": event.get("operation_name"),
        "accepted_at": event["accepted_at"],
        "settled_at": event["settled_at"],
        "duration_s": event["duration_s"],
        "model_requested": event.get("model_requested"),
        "model_served": event.get("model_served"),
        "attempts": event.get("attempts", 0),
        "error_type": error_type,
        "first_chunk_s": last and last.get("first_chunk_s"),
        "usage": call and usage(call),
        "cost_usd": last and last.get("cost_usd"),
        "key": event.get("api_key_id"),
        "session": event.get("session"),
        "tags": event.get("tags") or {},
        "error": _error(error),
    }
    model = event.get("model_served") or event.get("first_model") or event.get("model_requested") or "auto"
    models = (model, event.get("first_model"), last["model"] if last else None)
    errors = (error_type, last["error"]["error_type"] if last and last["error"] else None)
    at = datetime.fromisoformat(event["settled_at"])
    return LiveEvent(event["tenant_id"], "inference", event["inference_id"], at, models, errors, shown)


def _failed_call(event: Mapping[str, Any]) -> LiveEvent:
    error = event["error"]
    error_type = error["error_type"] if error else None
    shown = {
        "attempt_id": event["attempt_id"],
        "inference_id": event["inference_id"],
        "attempt_number": event["attempt_number"],
        "operation": event.get("operation_name"),
        "model": event["model"],
        "server_address": event["server_address"],
        "started_at": event["started_at"],
        "ended_at": event["ended_at"],
        "duration_s": event["duration_s"],
        "error_type": error_type,
        "key": event.get("api_key_id"),
        "error": _error(error),
    }
    at = datetime.fromisoformat(event["ended_at"])
    return LiveEvent(event["tenant_id"], "attempt", event["attempt_id"], at, (event["model"],), (error_type,), shown)


def _error(error: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {name: error.get(name) for name in _ERROR} if error else None
