"""A Failure in the shape its reader understands: the OpenAI error object on /v1, problem+json elsewhere."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from shared.errors.catalogue import ErrorType
from shared.errors.failures import Failure

# The `type` that OpenAI SDKs and their users know; `code` is ours.
_OPENAI_TYPE: dict[ErrorType, str] = {
    "invalid_request": "invalid_request_error",
    "context_length_exceeded": "invalid_request_error",
    "content_filtered": "invalid_request_error",
    "payload_too_large": "invalid_request_error",
    "model_not_found": "invalid_request_error",
    "no_model_available": "invalid_request_error",
    "rate_limited": "rate_limit_error",
    "too_many_requests": "rate_limit_error",
    "quota_exceeded": "insufficient_quota",
}


def openai_error(
    told: Failure,
    *,
    inference_id: str | None,
    attempts: Sequence[dict[str, Any]] = (),
    param: str | None = None,
) -> dict[str, Any]:
    """`{"error": {...}}` as OpenAI's clients read it, with tips and every call that failed."""
    return {
        "error": {
            "message": message(told),
            "type": _own_type(told),
            "code": told.error_type,
            "param": param,
            "tips": told.tips,
            "inference_id": inference_id,
            "attempts": list(attempts),
        }
    }


def problem(
    told: Failure,
    *,
    inference_id: str | None = None,
    attempts: Sequence[dict[str, Any]] = (),
    param: str | None = None,
) -> dict[str, Any]:
    """An RFC 9457 problem with our members."""
    return {
        "type": f"urn:tallygate:error:{told.error_type}",
        "title": told.title,
        "status": told.http_status,
        "detail": told.detail,
        "error_type": told.error_type,
        "code": told.error_type,
        "message": message(told),
        "param": param,
        "tips": told.tips,
        "inference_id": inference_id,
        "attempts": list(attempts),
    }


def headers(told: Failure) -> dict[str, str]:
    """`x-should-retry` is what the OpenAI and Anthropic SDKs obey before they look at the status."""
    out = {"x-should-retry": "true" if told.retryable else "false"}
    if told.retry_after_s is not None and isfinite(told.retry_after_s):
        out["retry-after"] = str(max(1, round(told.retry_after_s)))
    return out


def message(told: Failure) -> str:
    return f"{told.title}: {told.detail}" if told.detail else told.title


def _own_type(told: Failure) -> str:
    if told.http_status == 401:
        return "authentication_error"
    if told.http_status == 403:
        return "permission_error"
    return _OPENAI_TYPE.get(told.error_type, "api_error" if told.http_status >= 500 else "upstream_error")
