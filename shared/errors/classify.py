"""From what an endpoint answered to one of our error types. Pure: status, headers and body in, Failure out."""

from collections.abc import Mapping
from datetime import datetime

from shared.errors.failures import Failure, failure
from shared.errors.upstream import UpstreamError, judged, meant_status, wait_of

__all__ = ["UpstreamError", "classify", "status_in"]


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
    """The Failure for an answer that brings no completion: no 200, or one that holds an error.

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


def _told(status: int, headers: Mapping[str, str], error: UpstreamError) -> str:
    if 300 <= status < 400:
        return f"answered {status}, a redirect to {headers.get('location', 'nowhere')}; redirects are not followed"
    answered = f"answered {status}" + (" with an error" if status == 200 else "")
    if error.message:
        return f"{answered}: {error.message}"
    return f"{answered} without a message" + (f" ({', '.join(error.names)})" if error.names else "")
