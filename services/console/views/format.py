"""Numbers, instants and texts as people read them."""

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from markupsafe import Markup

NOTHING = "\N{EN DASH}"
_THOUSANDS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
_WHOLE_BELOW = 9999.5
_THREE_DIGITS = 0.9995  # of the next size: from here on it would be rounded up to that


def count(value: float | None) -> str:
    """1,234,567"""
    return NOTHING if value is None else f"{value:,.0f}"


def short(value: float | None) -> str:
    """12.3k, 4.56M; below ten thousand as it is."""
    if value is None:
        return NOTHING
    if abs(value) < _WHOLE_BELOW:
        return f"{value:,.0f}"
    size, letter = next(found for found in _THOUSANDS if abs(value) >= found[0] * _THREE_DIGITS)
    return f"{value / size:.3g}{letter}" if abs(value) / size < 999.5 else f"{value / size:,.0f}{letter}"


def seconds(value: float | None) -> str:
    """430 ms, 1.24 s, 3 min 20 s, 2 h 5 min"""
    if value is None:
        return NOTHING
    if value < 0.001:
        return "0 ms" if value <= 0 else "<1 ms"
    if value < 0.9995:
        return f"{value * 1000:.0f} ms"
    if value < 59.95:
        return f"{value:.2f} s" if value < 9.995 else f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def usd(value: float | str | None) -> str:
    """$12.30, $0.0042: what is small keeps two digits that say something. A price that is not known is a dash."""
    if value is None:
        return NOTHING
    amount = Decimal(str(value))
    if amount == 0:
        return "$0"
    sign, size = ("-" if amount < 0 else ""), abs(amount)
    if size >= Decimal("0.995"):
        return f"{sign}${size:,.2f}"
    places = max(2, 1 - size.adjusted())
    return f"{sign}${size:.{places}f}" if places <= 8 else f"{sign}<$0.00000001"


def percent(value: float | None) -> str:
    """Of a share between 0 and 1: 12.3 %. What is more than nothing is never shown as 0 %."""
    if value is None:
        return NOTHING
    if 0 < value < 0.001:
        return "<0.1 %"
    return f"{value * 100:.1f} %".replace(".0 %", " %")


def instant(value: str | datetime | None, *, day: bool = False) -> Markup | str:
    """A <time> in UTC, which the script writes in the reader's zone. day: without the hour."""
    at = parsed(value)
    if at is None:
        return NOTHING
    shown = f"{at:%Y-%m-%d}" if day else f"{at:%Y-%m-%d %H:%M:%S} UTC"
    kind = "day" if day else "second"
    return Markup('<time datetime="{}" data-utc="{}">{}</time>').format(f"{at:%Y-%m-%dT%H:%M:%S.%f}Z", kind, shown)


def parsed(value: str | datetime | None) -> datetime | None:
    if value is None or value == "":
        return None
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def visible(value: Any) -> Any:
    """Characters that steer a terminal or turn the direction of a text are shown by a sign in their place, so that
    no name looks like another one. Markup of ours stays as it is."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "".join(map(_shown, value))


def _shown(character: str) -> str:
    code = ord(character)
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf"):
        return character
    if code < 0x20:
        return chr(0x2400 + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else "\N{REPLACEMENT CHARACTER}"
