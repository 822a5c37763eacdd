"""Pure: from what is known of an answer to an error type and how it is treated. Facts come first, words last."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from shared.errors.catalogue import ErrorType
from shared.errors.upstream import words
from shared.errors.upstream.names import names_a_capacity, names_a_rate, status_named, type_named
from shared.errors.upstream.reading import UpstreamError
from shared.errors.upstream.waits import reset_s, wait_in_words, wait_s

_BY_STATUS: dict[int, ErrorType] = {
    400: "invalid_request",
    401: "authentication_failed",
    402: "quota_exceeded",
    403: "permission_denied",
    404: "endpoint_not_found",
    405: "endpoint_not_found",
    408: "read_timeout",
    410: "endpoint_not_found",
    413: "payload_too_large",
    422: "invalid_request",
    429: "rate_limited",
    501: "endpoint_refused",
    503: "overloaded",
    505: "endpoint_refused",
    529: "overloaded",
}
# Refused now and perhaps not the next time: a conflict, another connection, a dependency, a proxy that was left.
_PASSING = frozenset({409, 421, 423, 424, 425, 449, 460, 499})

_Rule = tuple[ErrorType, re.Pattern[str]]
_KEY: _Rule = ("authentication_failed", words.BAD_KEY)
_ACCESS: _Rule = ("permission_denied", words.NOT_FOR_THIS_KEY)
_CREDIT: _Rule = ("quota_exceeded", words.NO_CREDIT)
_FILTER: _Rule = ("content_filtered", words.FILTERED)
_CONTEXT: _Rule = ("context_length_exceeded", words.CONTEXT_LENGTH)
_MODEL: _Rule = ("model_not_found", words.NO_SUCH_MODEL)
_PATH: _Rule = ("endpoint_not_found", words.NO_SUCH_PATH)
_LOAD: _Rule = ("overloaded", words.OVERLOADED)
_BROKEN: _Rule = ("server_error", words.BROKEN)

# In which words an answer of a status may say more than the status does, in the order in which they are tried.
_WORDS: dict[int, tuple[_Rule, ...]] = {
    401: (_CREDIT, _ACCESS),
    402: (),
    403: (_KEY, _CREDIT, _FILTER, _ACCESS, _MODEL),
    404: (_PATH, _MODEL, ("model_not_found", words.MODEL)),
    405: (),
    410: (("model_not_found", words.MODEL),),
}
_ANY_WORDS = (_KEY, _FILTER, _CONTEXT, _CREDIT, _MODEL, _ACCESS, _PATH, _LOAD, _BROKEN)
_NOT_RATED = frozenset({401, 402, 404, 405, 408, 410})  # all others may tell of a limit of the rate


class Verdict(NamedTuple):
    """How an answer is treated. None: as the catalogue says of its type. tips: where the catalogue's do not fit."""

    error_type: ErrorType
    retryable: bool | None = None
    fallback: bool | None = None
    http_status: int | None = None
    tips: tuple[str, ...] | None = None


def meant_status(status: int, error: UpstreamError) -> int:
    """The HTTP status that is meant: the answer's, unless it is a 200, or so general that the body's own says more."""
    stated = error.status if error.status not in (None, status) else status_named(error.names)
    if status < 300:
        return stated or error.status or 500
    if stated is None or status not in {400, 500, 502, 503}:
        return status
    # Only of a plain 500 is it believed that the request was bad: some servers have no other status for it.
    return status if stated in {400, 422} and status != 500 else stated


def judged(status: int, error: UpstreamError) -> Verdict:
    if 200 < status < 300 and not (error.status or error.names):
        return Verdict("bad_response")
    meant = meant_status(status, error)
    error_type = _type_of(meant, error)
    if error_type == "payload_too_large":
        return Verdict(error_type, fallback=True, tips=_TOO_LARGE_TIPS)
    if error_type == "rate_limited" and _never_fits(error.words):
        return Verdict(error_type, retryable=False, tips=_NEVER_FITS_TIPS)
    if error_type == "invalid_request" and _another_can(error):
        return Verdict(error_type, fallback=True)
    if error_type == "endpoint_refused" and meant in _PASSING:
        return Verdict(error_type, retryable=True, http_status=502)
    return Verdict(error_type)


def wait_of(
    error_type: ErrorType, headers: Mapping[str, str], error: UpstreamError, now: datetime | None = None
) -> float | None:
    """Seconds after which trying again makes sense: what is said for this, before what is said of every answer."""
    for told in (wait_s(headers, now), error.wait_s, wait_in_words(error.words)):
        if told is not None:
            return told
    return reset_s(headers, frozenset(error.names), now) if error_type in _OF_LIMITS else None


_OF_LIMITS = frozenset({"rate_limited", "quota_exceeded"})

_TOO_LARGE_TIPS = (
    "Send less: this is the limit of the server at {host} or of a proxy before it.",
    "If it is yours, raise the limit there (nginx: client_max_body_size).",
)
_NEVER_FITS_TIPS = (
    "The request alone is larger than what the endpoint takes within a minute: send less, or lower max_tokens.",
    "Or raise the limit at the provider.",
)


def _type_of(status: int, error: UpstreamError) -> ErrorType:
    if 300 <= status < 400:
        return "endpoint_not_found"
    if error.too_long:
        return "context_length_exceeded"
    rated = names_a_rate(error.names)
    named = type_named(error.names)
    if named is not None and not (rated and named == "quota_exceeded" and _lifted_soon(error)):
        return named
    if rated or status == 429 or (status not in _NOT_RATED and words.RATE.search(error.words)):
        return _of_a_limit(error)
    if error.is_page:
        return _of_a_page(status)
    return _said(status, error) or _by_status(status)


def _of_a_limit(error: UpstreamError) -> ErrorType:
    """A quota that is used up by the day or for good is no matter of waiting a little."""
    if words.A_DAY_OR_MORE.search(error.words):
        return "quota_exceeded"
    if names_a_capacity(error.names) or words.OVERLOADED.search(error.words):
        return "overloaded"
    if words.NO_CREDIT.search(error.words) and not _lifted_soon(error) and not words.RATE.search(error.texts):
        return "quota_exceeded"
    return "rate_limited"


def _lifted_soon(error: UpstreamError) -> bool:
    return words.A_MINUTE_OR_LESS.search(error.words) is not None or (error.wait_s or _AGES_S) <= _SOON_S


_SOON_S, _AGES_S = 120.0, 1e9


def _of_a_page(status: int) -> ErrorType:
    """A web page is a proxy's: what it refuses is no matter of the request's fields, nor of the model's key."""
    return "endpoint_refused" if status in {400, 403, 422} else _by_status(status)


def _said(status: int, error: UpstreamError) -> ErrorType | None:
    if error.about_model and status in {400, 404, 422}:
        return "model_not_found"
    if words.CANNOT.search(error.words) and status in {400, 404, 422, 500, 501}:
        return "invalid_request"
    if names_a_capacity(error.names) and status >= 500:
        return "overloaded"
    rules = _WORDS.get(status, _ANY_WORDS)
    return next((error_type for error_type, pattern in rules if pattern.search(error.words)), None)


def _by_status(status: int) -> ErrorType:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return "endpoint_refused" if 400 <= status < 500 else "server_error"


def _another_can(error: UpstreamError) -> bool:
    return words.CANNOT.search(error.words) is not None


def _never_fits(said: str) -> bool:
    found = words.TOO_LARGE_FOR_LIMIT.search(said)
    return found is not None and _count(found[2]) > _count(found[1])


def _count(digits: str) -> int:
    return int(digits.replace(",", "") or 0)
