"""Requests that more than one caller sends: their paths and bodies."""

from typing import Any

CHAT = "/v1/chat/completions"
CUSTOM_MODELS = "/api/models/custom"
KEYS = "/api/keys"
# A caller that disconnects before the answer does not want it any more.
CANCELS = {"x-tallygate-cancel-on-disconnect": "true"}
MONITORING = "/api/models/custom/monitoring"
SUMMARY = "/api/monitoring/summary"
TIMESERIES = "/api/monitoring/timeseries"
ERRORS = "/api/monitoring/errors"
LIVE = "/api/monitoring/live"
INFERENCES = "/api/inferences"
BACKGROUND = "/api/inferences/background"
FILES = "/v1/files"
INSTANCES = "/api/instances"
WEBHOOKS = "/api/webhooks"
SESSIONS = "/api/sessions"
SHADOW = "/api/shadow"
SHADOWS = "/api/monitoring/shadows"
BATCHES = "/v1/batches"
SPENT_BY_SESSION = "/api/monitoring/sessions"
REPLY_KEYS = "/api/reply-keys"
HEALTH = "/api/monitoring/health"


def chat_body(model: str | None, text: str, **more: Any) -> dict[str, Any]:
    """One message of a user; `model` None lets the gateway choose."""
    return {"messages": [{"role": "user", "content": text}]} | ({"model": model} if model else {}) | more


def model_body(model_id: str, endpoint_url: str, **more: Any) -> dict[str, Any]:
    """A custom model at an OpenAI-compatible endpoint."""
    return {"model_id": model_id, "endpoint_url": endpoint_url, "provider": "openai-compatible"} | more
