"""How long an endpoint asks to wait, wherever it says so: headers, members of the body, its sentence."""

import email.utils
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_UNIT = r"(?:ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)(?![a-z])"
_PART = rf"\d{{1,12}}(?:\.\d{{1,12}})?\s{{0,3}}{_UNIT}"
_PARTS = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s{0,3}([a-z]{1,12})", re.IGNORECASE)
_DURATION = re.compile(rf"\s*(?:{_PART}[\s,]{{0,3}}){{1,5}}\s*", re.IGNORECASE)
_IN_WORDS = re.compile(
    rf"(?:try again|retry(?:ing)?|wait|resets?|available again)[^.\d\n]{{0,40}}((?:{_PART}[\s,]{{0,3}}){{1,5}})",
    re.IGNORECASE,
)
_EPOCH_S, _EPOCH_MS = 1e9, 1e12  # greater numbers are instants, no waits

_RESET = re.compile(r"(?:anthropic-|x-)?ratelimit-(?:.*-)?reset(?:-.*)?")


def wait_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds, from retry-after-ms or either form of Retry-After. Names of headers in lower case."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    return retry_after_s(headers.get("retry-after"), now)


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds to wait, from either form of Retry-After (RFC 9110: seconds or an HTTP date), or a duration ("20s")."""
    if not value:
        return None
    try:
        return max(0.0, float(value)) if float(value) < float("inf") else None
    except ValueError:
        pass
    if (lasting := _duration(value)) is not None:
        return lasting
    try:
        at = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return _until(value, now)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds()) if at.tzinfo else None


def reset_s(
    headers: Mapping[str, str], names: frozenset[str] = frozenset(), now: datetime | None = None
) -> float | None:
    """Seconds until a limit is lifted, from the headers that tell when each one is.

    Of several limits those count of which nothing remains, or else those that are named (`tokens`, `requests`); the
    longest of them. When nothing says which one was hit, the shortest of all.
    """
    resets = {name: wait for name, value in headers.items() if (wait := _reset(name, value, now)) is not None}
    used_up = [wait for name, wait in resets.items() if _remaining(headers, name) in ("0", "0.0")]
    named = [wait for name, wait in resets.items() if any(f"-{one}" in name for one in names)]
    if used_up or named:
        return max(used_up or named)
    return min(resets.values(), default=None)


def duration_s(value: Any) -> float | None:
    """Of a member of a body: a number of seconds, "17s", "1m2.5s", or protobuf's object."""
    if isinstance(value, dict):
        value = value.get("seconds")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    number = _number(str(value))
    return max(0.0, number) if number is not None else _duration(str(value))


def wait_in_words(text: str) -> float | None:
    """Of a sentence: "Please try again in 1m2.5s", "Please wait 37 seconds before retrying"."""
    found = _IN_WORDS.search(text)
    return _sum(found[1]) if found else None


def _reset(name: str, value: str, now: datetime | None) -> float | None:
    if not _RESET.fullmatch(name[:100]):
        return None
    number = _number(value)
    if number is None:
        lasting = _duration(value)
        return lasting if lasting is not None else _until(value, now)
    if number < _EPOCH_S:
        return max(0.0, number)
    at = number / 1000 if number >= _EPOCH_MS else number
    return max(0.0, at - (now or datetime.now(UTC)).timestamp())


def _remaining(headers: Mapping[str, str], reset: str) -> str:
    return headers.get(reset.replace("reset", "remaining"), "").strip()


def _until(value: str, now: datetime | None) -> float | None:
    """Seconds until an instant of RFC 3339."""
    try:
        at = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds()) if at.tzinfo else None


def _duration(text: str) -> float | None:
    return _sum(text) if _DURATION.fullmatch(text[:80]) else None


def _sum(text: str) -> float:
    return sum(float(number) * _SECONDS[_unit(unit)] for number, unit in _units(text))


def _units(text: str) -> Iterator[tuple[str, str]]:
    return ((found[1], found[2]) for found in _PARTS.finditer(text))


def _unit(word: str) -> str:
    lowered = word.lower()
    return "ms" if lowered.startswith(("ms", "milli")) else lowered[0]


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return number if number is not None and isfinite(number) else None
