"""Pure: which span of time a reader asks for, by `from` and `to` or by `window`; the same for every list and sum."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from shared.errors import TallygateError

# No sum is kept for longer by default (TALLYGATE_MONITOR_SUMS_RETENTION_DAYS).
OLDEST = timedelta(days=400)

_DEFAULT = timedelta(hours=1)
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_WINDOW = re.compile(r"([0-9]{1,8})([smhd])")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d{1,9})?)?([Zz]|[+ -]\d\d:\d\d))?", re.ASCII)
_TIP = "Send from and to, as from=2026-11-23T08:00:00Z&to=2026-11-23T09:00:00Z, or window=15m, 1h or 7d."


class Range(NamedTuple):
    """From `since` on, before `until`; in UTC."""

    since: datetime
    until: datetime


def parse_range(params: Mapping[str, str], now: datetime) -> Range:
    """What `from` and `to` (RFC 3339 with a zone, or a date, which is its midnight in UTC) or `window` (15m, 1h, 7d) of
    a query ask for; without them the last hour. `to` alone means the hour before it.

    What lies in the future, or is older than any sum, is cut off. Raises `invalid_request` when nothing is left.
    """
    if "window" in params:
        if "from" in params or "to" in params:
            raise _invalid("window goes without from and to")
        return Range(now - parse_window(params["window"]), now)
    until = _parse_time("to", params["to"]) if "to" in params else now
    since = _parse_time("from", params["from"]) if "from" in params else _hour_before(until)
    if since >= now:
        raise _invalid(f"from ({since.isoformat()}) lies in the future: it is {now.isoformat()} now")
    if since >= until:
        raise _invalid(f"from ({since.isoformat()}) is not before to ({until.isoformat()})")
    if until <= now - OLDEST:
        raise _invalid(f"the books tell nothing that is older than {OLDEST.days} days")
    return Range(max(since, now - OLDEST), min(until, now))


def parse_window(text: str) -> timedelta:
    """`<number><s|m|h|d>`, more than nothing and not more than OLDEST. Raises `invalid_request`."""
    found = _WINDOW.fullmatch(text)
    seconds = int(found[1]) * _UNITS_S[found[2]] if found else 0
    if not 0 < seconds <= OLDEST.total_seconds():
        raise _invalid(f"window must look like 15m, 1h or 7d, and be at most {OLDEST.days}d")
    return timedelta(seconds=seconds)


def _parse_time(name: str, text: str) -> datetime:
    """A `+` that was not escaped has become a space."""
    if _TIME.fullmatch(text):
        zoned = text if len(text) > len("2026-11-23") else f"{text}T00:00:00Z"
        try:
            return datetime.fromisoformat(f"{zoned[:11]}{zoned[11:].upper().replace(' ', '+')}").astimezone(UTC)
        except (ValueError, OverflowError):
            pass  # there is no such day, or none in UTC
    raise _invalid(f"{name} must be a time with its zone, as 2026-11-23T08:00:00Z, or a date, as 2026-11-23")


def _hour_before(at: datetime) -> datetime:
    return max(at, datetime.min.replace(tzinfo=UTC) + _DEFAULT) - _DEFAULT


def _invalid(detail: str) -> TallygateError:
    return TallygateError("invalid_request", detail, tips=(_TIP,))
