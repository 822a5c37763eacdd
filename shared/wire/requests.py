"""What every wire format does to a request on its way out."""

from collections.abc import Mapping
from typing import Any

import orjson

# Fields that are ours and not for the endpoint.
OWN_FIELDS = frozenset({"deadline_s", "policy", "no_fallback"})
# Only the caller says how an answer is sent: a default would send a stream to callers that cannot read one.
_CALLERS_ONLY = frozenset({"stream", "stream_options"})
# Two names of one limit: an endpoint refuses both together, and the caller's wins over a default.
_ANSWER_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})


class UntranslatableError(Exception):
    """The request cannot be expressed in the endpoint's format: which field, and why. Never holds the value."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field = field


def with_defaults(model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
    """The caller's fields over the configured defaults, with the model's name at the endpoint."""
    merged = {name: value for name, value in body.items() if name not in OWN_FIELDS and value is not None}
    limited = not _ANSWER_LIMITS.isdisjoint(merged)
    for name, value in defaults.items():
        if name in OWN_FIELDS or name in _CALLERS_ONLY or (limited and name in _ANSWER_LIMITS):
            continue
        merged.setdefault(name, value)
    merged["model"] = model
    return merged


def written(body: Mapping[str, Any]) -> bytes:
    """As JSON bytes. Raises UntranslatableError for what could be read and is too deep to be written."""
    try:
        return orjson.dumps(body)
    except TypeError:
        raise UntranslatableError("the body", "is nested too deeply") from None
