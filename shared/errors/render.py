"""A Failure in the shape its reader understands: on /v1 OpenAI's or Anthropic's error, problem+json elsewhere."""

from collections.abc import Sequence
from math import ceil, isfinite
from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

from shared.errors.catalogue import ErrorType
from shared.errors.failures import Failure


class OpenAIErrorMembers(TypedDict):
    """type: as OpenAI's users know it. code: ours. attempts: every call that failed."""

    message: str
    type: str
    code: ErrorType
    param: str | None
    tips: Sequence[str]
    inference_id: str | None
    attempts: list[dict[str, Any]]


class OpenAIError(TypedDict):
    """An error as OpenAI's clients read it."""

    error: OpenAIErrorMembers


class AnthropicErrorMembers(TypedDict):
    """type: as Anthropic's users know it. What follows the message is ours."""

    type: str
    message: str
    code: ErrorType
    param: str | None
    tips: Sequence[str]
    inference_id: str | None
    attempts: list[dict[str, Any]]


class AnthropicError(TypedDict):
    """An error as Anthropic's clients read it."""

    type: Literal["error"]
    error: AnthropicErrorMembers
    request_id: str


class Problem(TypedDict):
    """An RFC 9457 problem with our members; what is not always there, some routes add."""

    type: str
    title: str
    status: int
    detail: str
    error_type: ErrorType
    code: ErrorType
    message: str
    param: str | None
    tips: Sequence[str]
    inference_id: str | None
    attempts: list[dict[str, Any]]
    feature_id: NotRequired[str]
    success: NotRequired[bool]
    state: NotRequired[str]
    steps: NotRequired[list[dict[str, Any]]]


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


# The `type` that Anthropic's SDKs know, by the status.
_ANTHROPIC_TYPE = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def openai_error(
    failure: Failure,
    *,
    inference_id: str | None,
    attempts: Sequence[dict[str, Any]] = (),
    param: str | None = None,
) -> OpenAIError:
    """`{"error": {...}}` as OpenAI's clients read it, with tips and every call that failed."""
    return {
        "error": {
            "message": message(failure),
            "type": _own_type(failure),
            "code": failure.error_type,
            "param": param,
            "tips": failure.tips,
            "inference_id": inference_id,
            "attempts": list(attempts),
        }
    }


def problem(
    failure: Failure,
    *,
    inference_id: str | None = None,
    attempts: Sequence[dict[str, Any]] = (),
    param: str | None = None,
) -> Problem:
    """An RFC 9457 problem with our members."""
    return {
        "type": f"urn:tallygate:error:{failure.error_type}",
        "title": failure.title,
        "status": failure.http_status,
        "detail": failure.detail,
        "error_type": failure.error_type,
        "code": failure.error_type,
        "message": message(failure),
        "param": param,
        "tips": failure.tips,
        "inference_id": inference_id,
        "attempts": list(attempts),
    }


def anthropic_error(
    failure: Failure,
    request_id: str,
    *,
    inference_id: str | None = None,
    attempts: Sequence[dict[str, Any]] = (),
    param: str | None = None,
) -> AnthropicError:
    """`{"type": "error", ...}` as Anthropic's clients read it; what follows the message is ours."""
    return {
        "type": "error",
        "error": {
            "type": _anthropic_type(failure),
            "message": message(failure),
            "code": failure.error_type,
            "param": param,
            "tips": failure.tips,
            "inference_id": inference_id,
            "attempts": list(attempts),
        },
        "request_id": request_id,
    }


def headers(failure: Failure) -> dict[str, str]:
    """`x-should-retry` is what the OpenAI and Anthropic SDKs obey before they look at the status. Of the two waits they
    read the one in milliseconds first."""
    out = {"x-should-retry": "true" if failure.retryable else "false"}
    if failure.retry_after_s is not None and isfinite(failure.retry_after_s):
        out["retry-after"] = str(max(1, ceil(failure.retry_after_s)))
        out["retry-after-ms"] = str(max(1, ceil(failure.retry_after_s * 1000)))
    return out


def message(failure: Failure) -> str:
    return f"{failure.title}: {failure.detail}" if failure.detail else failure.title


def _own_type(failure: Failure) -> str:
    if failure.http_status == 401:
        return "authentication_error"
    if failure.http_status == 403:
        return "permission_error"
    return _OPENAI_TYPE.get(failure.error_type, "api_error" if failure.http_status >= 500 else "upstream_error")


def _anthropic_type(failure: Failure) -> str:
    own = "invalid_request_error" if failure.http_status < 500 else "api_error"
    return _ANTHROPIC_TYPE.get(failure.http_status, own)
