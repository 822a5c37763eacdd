"""From what an endpoint answered to one of our error types. Pure: status, headers and body in, Failure out."""

import email.utils
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from shared.errors.catalogue import ErrorType
from shared.errors.failures import Failure, failure

_BY_STATUS: dict[int, ErrorType] = {
    401: "authentication_failed",
    402: "quota_exceeded",
    403: "permission_denied",
    405: "endpoint_not_found",
    408: "read_timeout",
    413: "payload_too_large",
    503: "overloaded",
    529: "overloaded",
}

_CONTEXT_LENGTH = re.compile(
    r"maximum context length|context[ _]length|context window|prompt is too long|too many (?:input )?tokens"
    r"|exceed\w{0,3} (?:the )?(?:model'?s? )?context",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content[ _](?:filter|policy|management)|safety system", re.IGNORECASE)
_QUOTA = re.compile(r"insufficient_quota|billing|credit balance|exceeded your current quota", re.IGNORECASE)
_NO_CREDIT = re.compile(r"insufficient_quota|credit balance is too low", re.IGNORECASE)  # Anthropic says so with a 400


@dataclass(frozen=True, slots=True)
class UpstreamError:
    """The error in the answer of an endpoint, in any dialect: OpenAI, Anthropic, FastAPI or plain text."""

    message: str
    code: str  # type and code, joined: what the endpoint calls it

    @classmethod
    def parse(cls, body: bytes) -> "UpstreamError":
        try:
            parsed: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            return cls(_one_line(body), "")
        error = parsed.get("error", parsed) if isinstance(parsed, dict) else parsed
        if not isinstance(error, dict):
            return cls(str(error), "")
        message = error.get("message") or error.get("detail") or error.get("msg") or orjson.dumps(error).decode()
        return cls(_worded(message), f"{error.get('type') or ''} {error.get('code') or ''}".strip())


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    model: str,
    host: str,
    secrets: tuple[str, ...] = (),
) -> Failure:
    """The Failure for an answer that is not a 2xx. `host` is host:port of the endpoint."""
    upstream_error = UpstreamError.parse(body)
    answered = f"{host} answered {status}"
    if 300 <= status < 400:
        detail = f"{answered}, a redirect to {headers.get('location', 'nowhere')}; redirects are not followed"
    else:
        detail = f"{answered}: {upstream_error.message}" if upstream_error.message else f"{answered} without a message"
    return failure(
        error_type_of(status, upstream_error),
        detail,
        model=model,
        host=host,
        secrets=secrets,
        upstream_status=status,
        retry_after_s=retry_after_s(headers.get("retry-after")),
    )


def error_type_of(status: int, error: UpstreamError) -> ErrorType:
    words = f"{error.code} {error.message}"
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status == 404:
        return "model_not_found" if _names_a_model(error) else "endpoint_not_found"
    if status == 429:
        return "quota_exceeded" if _QUOTA.search(words) else "rate_limited"
    if status >= 500:
        return "overloaded" if "overloaded" in error.code else "server_error"
    if status < 400:
        return "endpoint_not_found"
    if _NO_CREDIT.search(words):
        return "quota_exceeded"
    if _CONTEXT_LENGTH.search(words):
        return "context_length_exceeded"
    return "content_filtered" if _FILTERED.search(words) else "invalid_request"


_STATUS_OF_NAME = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "invalid_request_error": 400,
    "request_too_large": 413,
    "timeout_error": 504,
    "rate_limit_exceeded": 429,  # OpenAI's codes, whose types are of another kind
    "insufficient_quota": 429,
    "context_length_exceeded": 400,
    "content_filter": 400,
}


def status_in(body: bytes) -> int:
    """The HTTP status that is meant by an error which came with a 200: by its number, else by its name, else 500."""
    try:
        parsed: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return 500
    error = parsed.get("error", parsed) if isinstance(parsed, dict) else {}
    if not isinstance(error, dict):
        return 500
    for name in ("code", "status", "status_code"):
        code = error.get(name)
        if isinstance(code, str) and code.isascii() and code.isdecimal():
            code = int(code[:4])
        if isinstance(code, int) and 400 <= code < 600:
            return code
    named = (_STATUS_OF_NAME.get(str(error.get(name))) for name in ("type", "code"))
    return next((status for status in named if status is not None), 500)


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait, from either form of Retry-After (RFC 9110: seconds or an HTTP date)."""
    if not value:
        return None
    try:
        return max(0.0, float(value)) if float(value) < float("inf") else None
    except ValueError:
        pass
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds()) if at.tzinfo else None


def _names_a_model(error: UpstreamError) -> bool:
    return "model" in error.code or "not_found_error" in error.code or "model" in error.message.lower()


def _worded(message: Any) -> str:
    """FastAPI lists what is wrong and repeats the input with it; the place and the reason are enough."""
    if not isinstance(message, list) or not all(isinstance(item, dict) and "msg" in item for item in message):
        return str(message)
    return "; ".join(f"{'.'.join(map(str, item.get('loc') or ()))}: {item['msg']}" for item in message)


def _one_line(body: bytes) -> str:
    """Not cut here: half a secret could not be recognized any more by those who redact the text."""
    return " ".join(re.sub(r"<[^<>]*>", " ", body.decode("utf-8", "replace")).split())
