"""What was changed, in words."""

from collections.abc import Mapping
from typing import Any


def details_of(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and values, without what is empty."""
    return [(name.replace("_", " "), _text(value)) for name, value in details.items() if value not in (None, [], {})]


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items() if one is not None)
    return str(value)
