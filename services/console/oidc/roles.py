"""Which role the claims of somebody give; plain functions on values."""

from collections.abc import Iterable, Mapping
from typing import Any

_SHOWN = 20
_SHOWN_CHARS = 80


def claim_of(claims: Mapping[str, Any], name: str) -> Any:
    """None when it is not there. name: a claim, or a path into one (`realm_access.roles`)."""
    if name in claims:  # names may have dots themselves, as URLs do
        return claims[name]
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def values_of(claim: Any) -> tuple[str, ...]:
    """A claim that is one text has one value; what is neither text nor a list has none."""
    given = claim if isinstance(claim, list) else [claim]
    return tuple(value for value in given if isinstance(value, str))


def roles_of(values: Iterable[str], roles: Iterable[str]) -> tuple[str, ...]:
    """Those of the settings that somebody has, in the order of the settings."""
    given = set(values)
    return tuple(role for role in roles if role in given)


def in_words(values: tuple[str, ...]) -> str:
    """What a claim holds, within bounds, for whoever it says it of."""
    if not values:
        return "nothing"
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return ", ".join(value[:_SHOWN_CHARS] for value in values[:_SHOWN]) + more
