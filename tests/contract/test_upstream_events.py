"""What services of other houses publish and read: as they were first promised, they are read and told for ever."""

import json

from shared.errors import failure
from shared.events.upstream import (
    UpstreamBatchRequested,
    UpstreamReplyCompleted,
    UpstreamReplyFailed,
    UpstreamRequest,
    UpstreamRequested,
)
from tests.unit.shared.events.samples import INFERENCE

_REQUEST = """
{"inference_id": "0198c0de-0000-7000-8000-000000000001", "tenant_id": "acme", "operation_name": "chat",
 "form": "openai", "request_model": "custom:m", "input": {"messages": [{"role": "user", "content": "hi"}]},
 "options": {"policy": "cheapest", "no_fallback": true}, "session": "s1", "tags": {"team": "search"},
 "accepted_at": "2026-11-23T12:00:00Z", "deadline_at": "2026-11-23T12:02:00+00:00", "reply_topic": "replies.acme",
 "reply_key_id": "k1", "a_later_field": 7}
"""
_LATER = {"priority"}


def test_a_request_of_the_first_version_is_read_whole() -> None:
    read = UpstreamRequested.decoded(_REQUEST.encode())
    assert set(UpstreamRequest.model_fields) - _LATER <= read.model_fields_set
    batch = UpstreamBatchRequested.decoded(
        f'{{"tenant_id": "a", "reply_topic": "replies.a", "reply_key_id": "k", "requests": [{_REQUEST}]}}'.encode()
    )
    assert UpstreamRequest.model_validate(batch.requests[0]).input == read.input


def test_replies_have_what_the_first_version_promised() -> None:
    completed = UpstreamReplyCompleted(inference_id=INFERENCE, tenant_id="acme", model_served="custom:m", attempts=1)
    failed = UpstreamReplyFailed(
        inference_id=INFERENCE, tenant_id="acme", settlement="failed", error=failure("server_error", "why")
    )
    assert json.loads(completed.encoded()).keys() >= {
        "event_id", "inference_id", "tenant_id", "body", "sealed_body", "reply_key_id", "model_served", "attempts",
    }  # fmt: skip
    told = json.loads(failed.encoded())
    assert told.keys() >= {
        "event_id",
        "inference_id",
        "tenant_id",
        "settlement",
        "error",
        "failed_attempts",
        "attempts",
    }
    assert told["error"].keys() >= {"error_type", "title", "detail", "tips", "retryable", "http_status"}
    assert completed.key == failed.key == str(INFERENCE).encode()
    assert [completed.ce_type, failed.ce_type, UpstreamRequested.ce_type, UpstreamBatchRequested.ce_type] == [
        "tallygate.reply.completed.v1",
        "tallygate.reply.failed.v1",
        "tallygate.inference.requested.v1",
        "tallygate.inference.batch.requested.v1",
    ]
