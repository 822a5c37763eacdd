"""From what an endpoint answered to one of our error types. Pure: status, headers and body in, Failure out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from shared.errors.failures import Failure, failure
from shared.errors.upstream import UpstreamError, judged, meant_status, wait_of

__all__ = ["UpstreamError", "classify", "failure_in_answer", "status_in"]


def classify(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    model: str,
    host: str,
    secrets: tuple[str, ...] = (),
    now: datetime | None = None,
) -> Failure:
    """The Failure for an answer that brings no completion: no 2xx, or a 200 that holds an error (`failure_in_answer`).

    headers: names in lower case. host: host:port of the endpoint. now: for headers that name an instant.
    """
    error = UpstreamError.parse(body)
    verdict = judged(status, error)
    found = failure(
        verdict.error_type,
        f"{host} {_told(status, headers, error)}",
        model=model,
        host=host,
        secrets=secrets,
        http_status=verdict.http_status,
        tips=None if verdict.tips is None else tuple(tip.replace("{host}", host) for tip in verdict.tips),
        upstream_status=status,
        retry_after_s=wait_of(verdict.error_type, headers, error, now),
    )
    retryable = found.retryable if verdict.retryable is None else verdict.retryable
    fallback = found.fallback if verdict.fallback is None else verdict.fallback
    if headers.get("x-should-retry", "").lower() == "false":  # as OpenAI and Anthropic tell their SDKs
        retryable = False
    return found.model_copy(update={"retryable": retryable, "fallback": fallback})


def status_in(body: bytes) -> int:
    """The HTTP status that is meant by an error which came with a 200: by its number, else by its name, else 500."""
    return meant_status(200, UpstreamError.parse(body))


# Members of which one holds the answer, in any format that is read; where one is filled, the rest is no failure.
_ANSWERS = ("choices", "content", "data", "results", "candidates", "output", "embeddings")
_ERRORS = ("error", "errors", "detail", "error_msg", "errorMessage")
_WORDED = ("message", "msg")
_NAMED = ("code", "status", "type", "status_code", "statusCode")


def failure_in_answer(answer: Any) -> bytes | None:
    """The error that a 200 holds instead of an answer, as JSON for `classify`; None when it holds none.

    answer: its parsed JSON. Of an answer that broke off in a choice, only the error is given: errors are booked in the
    clear, and there may be text of the answer beside it.
    """
    if isinstance(answer, list):
        return next((error for item in answer[:1] if (error := failure_in_answer(item)) is not None), None)
    if not isinstance(answer, dict):
        return None
    choices = answer.get("choices")
    if isinstance(choices, list) and choices:
        return _failure_in_choices(choices)
    return None if any(answer.get(name) for name in _ANSWERS) or not _is_error(answer) else _written(answer)


def _failure_in_choices(choices: list[Any]) -> bytes | None:
    for choice in choices:
        if isinstance(choice, dict) and (choice.get("error") or choice.get("finish_reason") == "error"):
            return _written({"error": choice.get("error") or {"message": "a choice ended with finish_reason `error`"}})
    return None


def _is_error(answer: dict[str, Any]) -> bool:
    if any(answer.get(name) for name in _ERRORS) or "error" in (answer.get("object"), answer.get("type")):
        return True
    if any(isinstance(answer.get(name), str) for name in _WORDED):
        return any(answer.get(name) for name in _NAMED)
    minimax, gemini = answer.get("base_resp"), answer.get("promptFeedback")
    if isinstance(minimax, dict):
        return bool(minimax.get("status_code"))
    return isinstance(gemini, dict) and bool(gemini.get("blockReason"))


def _written(error: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(error)
    except TypeError:  # it is nested too deeply to be written
        return b'{"error":{}}'


def _told(status: int, headers: Mapping[str, str], error: UpstreamError) -> str:
    if 300 <= status < 400:
        return f"answered {status}, a redirect to {headers.get('location', 'nowhere')}; redirects are not followed"
    answered = f"answered {status}" + (" with an error" if status == 200 else "")
    if error.message:
        return f"{answered}: {error.message}"
    return f"{answered} without a message" + (f" ({', '.join(error.names)})" if error.names else "")
