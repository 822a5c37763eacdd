"""`window=1h`: the span of time that a summary is about."""

import re
from datetime import timedelta

from shared.errors import TallygateError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MAX_S = 90 * 86400


def parse_window(text: str) -> timedelta:
    """`<number><s|m|h|d>`, at most 90 days. Raises `invalid_request`."""
    found = re.fullmatch(r"(\d{1,7})([smhd])", text)
    seconds = int(found[1]) * _UNITS[found[2]] if found else 0
    if not 0 < seconds <= _MAX_S:
        raise TallygateError("invalid_request", "window must look like 15m, 1h or 7d, and be at most 90d")
    return timedelta(seconds=seconds)
