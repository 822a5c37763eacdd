"""The AsyncAPI 3 document, made from the topics and the event models, so that it cannot drift from them."""

import json
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.events.envelope import Event
from shared.events.topics import TOPICS, Topic

_HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0, binary content mode.",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "With ce_source, the duplicate key."},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string", "examples": ["tallygate/router/host-1"]},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_subject": {"type": "string", "description": "The inference_id."},
        "traceparent": {"type": "string", "description": "W3C trace context."},
        "tracestate": {"type": "string", "description": "W3C trace context: goes through with it."},
        "content-type": {"const": "application/json"},
    },
}


def asyncapi_document() -> str:
    kinds = sorted({kind for topic in TOPICS for kind in topic.events}, key=lambda kind: kind.__name__)
    _, definitions = models_json_schema(
        [(kind, "validation") for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "Tallygate events", "version": "1", "description": "Generated from shared/events."},
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic)},
        "components": {
            "messages": {kind.__name__: _message(kind) for kind in kinds},
            "schemas": definitions["$defs"],
        },
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"Key: {topic.key}. Kept {_kept(topic)}.",
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in topic.events},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions}},
    }


def _kept(topic: Topic) -> str:
    return "for ever" if topic.retention_ms < 0 else f"{topic.retention_ms // 60_000} minutes"


def _operations(topic: Topic) -> list[tuple[str, dict[str, Any]]]:
    channel = {"$ref": f"#/channels/{topic.name}"}
    sends = [(f"{service}.send.{topic.name}", {"action": "send", "channel": channel}) for service in topic.written_by]
    receives = [
        (f"{service}.receive.{topic.name}", {"action": "receive", "channel": channel}) for service in topic.read_by
    ]
    return [(name.replace(" ", "-"), operation) for name, operation in sends + receives]


def _message(kind: type[Event]) -> dict[str, Any]:
    return {
        "name": kind.ce_type,
        "summary": (kind.__doc__ or "").strip().partition("\n")[0],
        "headers": _HEADERS,
        "payload": {"$ref": f"#/components/schemas/{kind.__name__}"},
    }
