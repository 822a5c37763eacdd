"""The AsyncAPI 3 document, made from the topics and the event models, so that it cannot drift from them."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic.json_schema import models_json_schema

from shared.events.envelope import Event
from shared.events.ingress import DEFAULT_REPLY_PREFIX, SETTING
from shared.events.topics import TOPICS, Topic
from shared.events.upstream import (
    UpstreamBatchRequested,
    UpstreamReplyCompleted,
    UpstreamReplyFailed,
    UpstreamRequested,
)

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


_INGRESS_EVENTS: tuple[type[Event], ...] = (UpstreamRequested, UpstreamBatchRequested)
_REPLY_EVENTS: tuple[type[Event], ...] = (UpstreamReplyCompleted, UpstreamReplyFailed)


def _messages(kinds: Iterable[type[Event]]) -> dict[str, Any]:
    return {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in kinds}


# Of topics that deployments and upstream services name.
_UPSTREAM_CHANNELS: dict[str, Any] = {
    "ingress": {
        "address": "{ingress_topic}",
        "parameters": {"ingress_topic": {"description": f"One that {SETTING} names.", "examples": ["acme.requests"]}},
        "description": "Requests of upstream services. Who may write here is for the broker's ACLs to say; whose the "
        f"requests are says the deployment: {SETTING}=topic=tenant. A request that claims another tenant is refused, a "
        "dead letter and on record. With topic=* requests are believed. What cannot be taken goes to "
        "{ingress_topic}.dlq, with the reason.",
        "messages": _messages(_INGRESS_EVENTS),
    },
    "upstream-replies": {
        "address": None,
        "description": "Topics of upstream services, which their requests name: the name begins with "
        f"`{DEFAULT_REPLY_PREFIX}` (TALLYGATE_REPLY_TOPIC_PREFIX). Key: the inference_id as text. Told at least "
        "once: readers keep the first reply of an inference_id.",
        "messages": _messages(_REPLY_EVENTS),
    },
}  # fmt: skip
_INGRESS_CHANNEL = {"$ref": "#/channels/ingress"}
_REPLY_CHANNEL = {"$ref": "#/channels/upstream-replies"}
_UPSTREAM_OPERATIONS: dict[str, Any] = {
    "upstream-services.send.ingress": {
        "action": "send",
        "channel": _INGRESS_CHANNEL,
        "reply": {"channel": _REPLY_CHANNEL, "address": {"location": "$message.payload#/reply_topic"}},
    },
    "gateway.receive.ingress": {"action": "receive", "channel": _INGRESS_CHANNEL},
    "gateway.send.upstream-replies": {"action": "send", "channel": _REPLY_CHANNEL},
    "upstream-services.receive.upstream-replies": {"action": "receive", "channel": _REPLY_CHANNEL},
}


def asyncapi_document() -> str:
    events = {kind for topic in TOPICS for kind in topic.events}
    kinds = sorted(events | {*_INGRESS_EVENTS, *_REPLY_EVENTS}, key=lambda kind: kind.__name__)
    _, definitions = models_json_schema(
        [(kind, "validation") for kind in kinds], ref_template="#/components/schemas/{model}"
    )
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "Tallygate events", "version": "1", "description": "Generated from shared/events."},
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic) for topic in TOPICS} | _UPSTREAM_CHANNELS,
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic)}
        | _UPSTREAM_OPERATIONS,
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
        "messages": _messages(topic.events),
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
