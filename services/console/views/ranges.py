"""The range that a page shows, as its address says: `window`, or `from` and `to`."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from services.console.views.format import parsed

WINDOWS = ("15m", "1h", "6h", "24h", "7d", "30d")
DEFAULT_WINDOW = "1h"
_NAMES = ("window", "from", "to")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class RangeChoice(NamedTuple):
    name: str
    query: str
    chosen: bool


class Picked(NamedTuple):
    """query: what the gateway is asked with. choices: the links. from_, to: for the fields of the form, of which both
    are empty when a window is chosen."""

    query: dict[str, str]
    choices: list[RangeChoice]
    from_: str
    to: str


def picked(params: Mapping[str, str], default: str = DEFAULT_WINDOW) -> Picked:
    """params: of the page's address. What else stands there, such as filters, stays in the links. A range that makes
    no sense is passed on: the gateway says what is wrong with it."""
    others = {name: value for name, value in params.items() if name not in (*_NAMES, "cursor") and value}
    edges = {name: _with_zone(params[name].strip()) for name in ("from", "to") if params.get(name, "").strip()}
    window = "" if edges else params.get("window", "").strip() or default
    choices = [
        RangeChoice(name, "?" + urlencode({**others, "window": name}), name == window)
        for name in dict.fromkeys((*WINDOWS, *([window] if window else [])))
    ]
    field = {name: _for_field(value) for name, value in edges.items()}
    return Picked(edges or {"window": window}, choices, field.get("from", ""), field.get("to", ""))


def kept_range(params: Mapping[str, str]) -> str:
    """The range of this address, for a link to another page: `?window=7d`, or nothing."""
    kept = {name: params[name] for name in _NAMES if params.get(name)}
    return f"?{urlencode(kept)}" if kept else ""


def _with_zone(text: str) -> str:
    """A field for date and time has no zone; ours are in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return text
    return text if at.tzinfo or len(text) == len("2026-01-31") else f"{at.isoformat()}Z"


def _for_field(text: str) -> str:
    """Without its zone, in UTC; what is no time as it is."""
    at = _instant(text)
    return f"{at:%Y-%m-%dT%H:%M}" if at else text


def length_of(query: Mapping[str, str], now: datetime) -> timedelta:
    """Of the range that is asked for; of one that makes no sense, an hour: the gateway says what is wrong with it."""
    window = re.fullmatch(r"(\d{1,8})([smhd])", query.get("window", ""))
    if window is not None:
        return timedelta(seconds=int(window[1]) * _UNITS_S[window[2]])
    since, until = _instant(query.get("from")), _instant(query.get("to")) or now
    return max(until - since, timedelta(0)) if since is not None else timedelta(hours=1)


def _instant(text: str | None) -> datetime | None:
    try:
        return parsed(text)
    except (ValueError, OverflowError):
        return None
