"""What a gateway answers to pages, with something of everything, and hostile texts where texts can be."""

from typing import Any

from tests.support.fake_gateway import FakeGateway

HOSTILE = '<script>alert("x")</script>\x1b[31m\u202eevil'
AT = "2026-11-30T09:00:00+00:00"
INFERENCE = "019ad3c8-7a4b-7000-8000-000000000001"
RESPONSE_ID = "resp_" + INFERENCE.replace("-", "")
JOB = "019ad3c8-7a4b-7000-8000-000000000002"
HOOK = "019ad3c8-7a4b-7000-8000-000000000003"
DELIVERY = "019ad3c8-7a4b-7000-8000-000000000004"
BATCH = "batch_019ad3c87a4b70008000000000000005"
FILE = "file-019ad3c87a4b70008000000000000006"
PRICE = {"input_per_mtok_usd": 0.5, "output_per_mtok_usd": 1.5}


def _listed(model_id: str, status: str, **more: Any) -> dict[str, Any]:
    kind = "custom" if model_id.startswith("custom:") else "provider"
    return {
        "id": model_id, "kind": kind, "owner": "acme", "provider": "openai", "server_address": "gpu.example:8000",
        "upstream_model": HOSTILE, "context_window": 131_072, "operations": ["chat"], "capabilities": {},
        "price": PRICE, "weight": None, "key": "own", "usable": True, "error_type": None, "reason": None,
        "health": {"status": status, "reason": HOSTILE, "p50_s": 0.43, "changed_at": AT},
    } | more  # fmt: skip


MODELS = [
    _listed("custom:north-8b", "healthy"),
    _listed("custom:ill", "unhealthy", reason=HOSTILE, price=None, context_window=None),
    _listed("openai:gpt-5", "unknown", usable=False, error_type="provider_denied", reason=HOSTILE, key="none"),
]
OWN = {
    "id": "custom:north-8b", "model_id": "north-8b", "provider": "openai-compatible",
    "endpoint_url": "http://gpu.example:8000/v1", "has_api_key": True, "has_headers": False, "model_name": "north",
    "description": HOSTILE, "config": {"model": "north-8b-instruct"}, "capabilities": {"tasks": None},
    "context_window": None, "max_concurrency": None, "price": PRICE, "timeout_s": None,
    "first_chunk_timeout_s": None, "idle_timeout_s": None, "weight": 0, "is_active": True, "created_at": AT,
    "updated_at": AT,
}  # fmt: skip
STEPS = [
    {"step": "dns", "ok": True, "duration_s": 0.001, "detail": "127.0.0.1", "error": None},
    {
        "step": "auth", "ok": False, "duration_s": 0.2, "detail": "401",
        "error": {"error_type": "authentication_failed", "title": HOSTILE, "detail": HOSTILE, "tips": ["Look."]},
    },
]  # fmt: skip
TRIAL = {
    "task": "chat", "answer": HOSTILE, "latency_s": 0.4, "inference_id": INFERENCE, "usage": None, "attempts": 1,
    "steps": STEPS,
}  # fmt: skip
_ATTEMPT = {
    "attempt_id": INFERENCE, "attempt_number": 1, "model": "custom:ill", "server_address": "gpu.example:8000",
    "reason": "named", "router": "r1", "started_at": AT, "duration_s": 0.5, "outcome": "failed",
    "response_model": None, "input_tokens": None, "output_tokens": None, "cost_usd": None, "streamed": False,
    "first_chunk_s": None, "chunks": None, "error": {"error_type": HOSTILE, "detail": HOSTILE, "tips": []},
}  # fmt: skip
TIMELINE = {
    "inference_id": INFERENCE, "state": "completed", "accepted_at": AT, "settled_at": AT, "duration_s": 1.5,
    "delivery": 1, "operation": "chat", "model_requested": "custom:ill", "model_served": "custom:north-8b",
    "candidates": [], "error": None,
    "attempts": [
        _ATTEMPT,
        _ATTEMPT | {"model": "custom:north-8b", "outcome": "succeeded", "error": None, "input_tokens": 12,
                    "output_tokens": 30, "cost_usd": 0.000051, "first_chunk_s": 0.2},
    ],
}  # fmt: skip
JOB_DONE = {
    "feature_id": JOB, "state": "completed", "step": "done", "generator": "llm", "model": "custom:north-8b",
    "delivery": 1, "accepted_at": AT, "started_at": AT, "settled_at": AT, "writing": None,
    "progress": [{"at": AT, "step": "planning", "message": HOSTILE}],
    "result": {
        "files": [{"path": HOSTILE, "action": "edit", "language": "python", "content": "x",
                   "diff": f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+{HOSTILE}\n"}],
        "validation": {"findings": [{"path": "x", "kind": "syntax", "message": HOSTILE, "line": 3}]},
        "integration_instructions": [HOSTILE], "next_steps": ["Use it."],
    },
    "inferences": [{"inference_id": INFERENCE, "purpose": "plan", "model": None, "cost_usd": 0.1, "error_type": None}],
    "cost_usd": 0.1, "error": None,
}  # fmt: skip
JOB_RUNS = JOB_DONE | {
    "state": "running", "settled_at": None, "result": None, "cost_usd": None,
    "writing": {"at": AT, "step": "writing", "characters": 1234},
    "error": {"error_type": "timeout", "detail": HOSTILE, "tips": []},
}  # fmt: skip
_TERMS = {
    "policy": "custom_first", "provider_allow": ["*"], "provider_deny": [], "usd_per_day": 10.0, "usd_per_month": None,
    "tokens_per_day": None, "tokens_per_month": None, "rate_per_s": None, "burst": None, "max_in_flight": 40,
    "result_retention_s": None,
}  # fmt: skip
TENANT_SHOWN = {
    "tenant": "acme", "plan": "gold", "own_terms": {"max_in_flight": 40}, "terms": _TERMS, "keys": 2, "models": 3,
    "spent": {"day": "2026-11-30", "usd_day": "12.5", "usd_month": "40", "tokens_day": 1_200_000, "tokens_month": 9,
              "as_of": AT},
    "created_at": AT,
}  # fmt: skip
_KEY = {
    "key_id": "k1", "tenant": "acme", "scopes": ["inference"], "name": HOSTILE, "allowed_models": ["custom:*"],
    "max_priority": "bulk", "created_at": AT, "revoked_at": None,
}  # fmt: skip
INSTANCES = {
    "routers": [
        {"router_id": HOSTILE, "state": state, "in_flight": 3, "started_at": AT, "beat_at": AT, "silent_s": 12.0}
        for state in ("alive", "silent", "stopped")
    ],
    "requests_waiting": 4, "bulk_waiting": 5, "requests_waiting_s": 0.4, "bulk_waiting_s": 90.0,
    "orphans": {
        "waiting": 2,
        "redelivered": [
            {"inference_id": INFERENCE, "tenant": tenant, "delivery": 2, "lost_by": HOSTILE, "decided_at": AT,
             "published_at": at, "settlement": settlement}
            for tenant, at, settlement in (("acme", AT, "completed"), (HOSTILE, None, None))
        ],
    },
    "monitor": "m1", "lag_s": 11.0, "as_of": AT,
    "dead_letters": [
        {"topic": "inference.requests.v1", "kept": 3, "last_day": 1},
        {"topic": "inference.attempts.v1", "kept": 0, "last_day": 0},
    ],
}  # fmt: skip
LETTER = {
    "id": "inference.requests.v1.dlq:0:42", "at": AT, "error_type": HOSTILE, "reason": HOSTILE,
    "source_topic": "inference.requests.v1", "source_partition": 3, "source_offset": 17, "replayed_from": HOSTILE,
    "size": 812, "left_out": None,
}  # fmt: skip
LETTERS = {
    "topics": [
        {"topic": "inference.requests.v1", "kept": 30,
         "entries": [LETTER, LETTER | {"id": "inference.requests.v1.dlq:0:41", "left_out": HOSTILE}]},
        {"topic": "inference.attempts.v1", "kept": 0, "entries": []},
    ],
}  # fmt: skip
REPLAYED = {"replayed": [{"id": LETTER["id"], "topic": "inference.requests.v1", "partition": 3, "offset": 99}]}
SUMMARY = {
    "requests": {"total": 10, "succeeded": 8, "failed": 2, "rejected": 0, "failure_rate": 0.2, "fallbacks": 1,
                 "expired": 0, "cancelled": 0, "by_model": {}, "by_endpoint": {}, "by_error_type": {}},
    "attempts": {"total": 12, "succeeded": 8, "failed": 4, "open": 0, "by_error_type": {}},
    "performance": {"average_s": 0.4}, "costs": {"custom_usd": 0.5, "provider_usd": 1.0, "savings_usd": 0.0},
    "health": {"status": "healthy", "issues": []}, "errors": [], "features": {}, "as_of": AT, "lag_s": 0.0,
}  # fmt: skip
CHANGES = [
    {
        "id": INFERENCE, "at": AT, "tenant": "acme", "key_id": "k1", "action": "model.changed",
        "subject": "custom:north-8b", "details": {"fields": [HOSTILE], "old_server": None},
    },
    {
        "id": JOB, "at": AT, "tenant": None, "key_id": "k1", "action": "plan.changed", "subject": HOSTILE,
        "details": {"terms": {"usd_per_day": 10}},
    },
]  # fmt: skip


RESPONSE = {
    "id": "resp_x", "object": "response", "created_at": 1, "status": "completed", "model": HOSTILE, "usage": None,
    "output": [
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": HOSTILE}]},
        {"type": "function_call", "name": HOSTILE, "arguments": HOSTILE},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": f"the answer {HOSTILE}"}]},
    ],
}  # fmt: skip
GIVEN = [
    {"id": "in_1", "type": "function_call_output", "output": HOSTILE},
    {"id": "in_0", "role": "user", "content": [{"type": "input_text", "text": HOSTILE}, {"type": "input_image"}]},
]
WEBHOOK = {
    "id": HOOK, "url": HOSTILE, "events": ["inference.failed"], "name": HOSTILE, "enabled": True, "disabled_at": None,
    "disabled_because": None, "waiting": 2, "delivered_at": AT, "failing_since": AT, "rests_until": AT, "dropped": 3,
    "dropped_at": AT, "old_secret_until": AT, "created_at": AT,
}  # fmt: skip
DISABLED = WEBHOOK | {"id": JOB, "enabled": False, "disabled_at": AT, "disabled_because": HOSTILE, "delivered_at": None}
_TRIES = [
    {"at": AT, "status": 503, "error": HOSTILE, "took_s": 0.01},
    {"at": AT, "status": 204, "error": None, "took_s": 0.02},
]
_DELIVERY = {
    "id": DELIVERY, "type": "inference.failed", "state": "waiting", "accepted_at": AT, "next_try_at": AT,
    "settled_at": None, "tries": _TRIES[:1],
}  # fmt: skip
DELIVERIES = {
    "items": [
        _DELIVERY | {"tries": []},
        _DELIVERY,
        _DELIVERY | {"state": "delivered", "next_try_at": None, "settled_at": AT, "tries": _TRIES},
    ],
    "next_cursor": DELIVERY,
}
_SIDE = {
    "completed": 8, "failed": 2, "by_error_type": {HOSTILE: 2}, "average_s": 0.5, "p50_s": 0.4, "p95_s": None,
    "first_chunk_p50_s": 0.2, "first_chunk_p95_s": None, "cost_usd": 0.5, "input_tokens": 100, "output_tokens": 200,
}  # fmt: skip
SHADOWS = {
    "groups": [
        {"model": "custom:north-8b", "shadow_model": HOSTILE, "pairs": 10, "original": _SIDE, "shadow": _SIDE},
        {"model": "custom:other", "shadow_model": None, "pairs": 10, "original": _SIDE, "shadow": _SIDE},
    ],
    "not_made": 3, "from": AT, "to": AT, "as_of": AT, "lag_s": 0.0,
}  # fmt: skip
BEGUN_AT = 1_796_029_200
RUNNING = {
    "id": BATCH, "object": "batch", "endpoint": "/v1/chat/completions", "errors": None, "input_file_id": FILE,
    "completion_window": "24h", "status": "in_progress", "output_file_id": None, "error_file_id": None,
    "created_at": BEGUN_AT, "in_progress_at": BEGUN_AT + 60, "expires_at": BEGUN_AT + 86_400, "finalizing_at": None,
    "completed_at": None, "failed_at": None, "expired_at": None, "cancelling_at": None, "cancelled_at": None,
    "request_counts": {"total": 200, "completed": 90, "failed": 10}, "metadata": {"file": HOSTILE, HOSTILE: HOSTILE},
    "waiting_for": HOSTILE, "session": BATCH,
}  # fmt: skip
ENDED = RUNNING | {
    "status": "failed", "failed_at": BEGUN_AT + 90, "output_file_id": FILE, "error_file_id": FILE, "waiting_for": None,
    "errors": {"object": "list", "data": [{"code": HOSTILE, "message": HOSTILE, "line": None, "param": None}]},
    "metadata": None, "session": HOSTILE,
}  # fmt: skip
SPENT = {"session": BATCH, "requests": 100, "failures": 10, "attempts": 110, "input_tokens": 1, "output_tokens": 1,
         "cost_usd": 1.5, "first_at": AT, "last_at": AT}  # fmt: skip
IN_BACKGROUND = [
    {"inference_id": INFERENCE, "operation": "chat", "state": state, "error_type": error_type, "streamed": True,
     "accepted_at": AT, "deadline_at": AT, "ended_at": ended_at, "result_kept_until": AT}
    for state, error_type, ended_at in (("open", None, None), ("failed", HOSTILE, AT), (None, None, AT))
]  # fmt: skip
FILES = [
    {"id": FILE, "object": "file", "bytes": 12, "created_at": BEGUN_AT, "expires_at": BEGUN_AT, "filename": HOSTILE,
     "purpose": purpose, "status": "processed", "status_details": None}
    for purpose in ("batch", "batch_output")
]  # fmt: skip


def furnish(gateway: FakeGateway) -> None:
    """A gateway in which there is something of everything."""
    worker = {"worker_id": "w1", "jobs": 1, "generators": ["llm"], "broken": {"other": HOSTILE}, "beat_at": AT}
    preset = {
        "name": "vllm", "title": "vLLM", "endpoint_url": "http://localhost:8000/v1", "provider": "openai-compatible",
        "local": True, "key": "optional", "key_from": "", "hint": "Its key.",
    }  # fmt: skip
    answers: dict[str, Any] = {
        "/api/models/list": {"models": MODELS, "total": len(MODELS)},
        "/api/models/custom/north-8b": OWN,
        "/api/models/custom/monitoring": SUMMARY,
        "/api/models/presets": {"presets": [preset]},
        "/api/features": {"features": [JOB_DONE, JOB_RUNS], "total": 2},
        f"/api/features/{JOB}": JOB_DONE,
        f"/api/features/{INFERENCE}": JOB_RUNS,
        f"/api/inferences/{INFERENCE}": TIMELINE,
        f"/v1/responses/{RESPONSE_ID}": RESPONSE,
        f"/v1/responses/{RESPONSE_ID}/input_items": {"object": "list", "data": GIVEN},
        "/api/shadow": {"model": "custom:north-8b", "share": 0.05},
        "/api/monitoring/shadows": SHADOWS,
        "/v1/batches": _openai(RUNNING, ENDED),
        f"/v1/batches/{BATCH}": RUNNING,
        f"/v1/batches/{HOOK}": ENDED,
        "/api/monitoring/sessions": {"sessions": [SPENT], "others": None, "as_of": AT, "lag_s": 0.0},
        "/api/inferences/background": {"items": IN_BACKGROUND, "next_cursor": INFERENCE},
        "/v1/files": _openai(*FILES),
        f"/v1/files/{FILE}/content": {"custom_id": "q1"},
        "/api/features/workers": {"workers": [worker]},
        "/api/instances": INSTANCES,
        "/api/dead-letters": LETTERS,
        "/api/changes": {"changes": CHANGES, "total": 2, "next": INFERENCE},
        "/api/webhooks": {"webhooks": [WEBHOOK, DISABLED], "total": 2},
        f"/api/webhooks/{HOOK}": WEBHOOK,
        f"/api/webhooks/{HOOK}/deliveries": DELIVERIES,
        f"/api/webhooks/{JOB}": DISABLED,
        f"/api/webhooks/{JOB}/deliveries": DELIVERIES | {"next_cursor": None},
        "/api/keys": {"keys": [_KEY, _KEY | {"key_id": "k2", "revoked_at": AT}], "total": 2},
        "/api/tenants": {"tenants": [TENANT_SHOWN, TENANT_SHOWN | {"tenant": "new", "spent": None}], "total": 2},
        "/api/tenants/acme": TENANT_SHOWN,
        "/api/plans": {"plans": [{"plan": "gold", "terms": {"usd_per_day": 10, "provider_allow": ["openai:*"]},
                                  "updated_at": AT}], "total": 1},
    }  # fmt: skip
    for path, body in answers.items():
        gateway.gets(path, body)


def _openai(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": rows, "first_id": rows[0]["id"], "last_id": rows[-1]["id"], "has_more": True}
