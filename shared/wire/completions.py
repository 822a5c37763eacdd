"""What every wire format can do. Pure: bodies in, bodies out."""

from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from shared.registry import Model

# Fields that are ours and not for the endpoint.
OWN_FIELDS = frozenset({"deadline_s", "policy", "no_fallback"})
# How an answer is sent is the caller's word: a default would bring a stream to who cannot read one.
_CALLERS_ONLY = frozenset({"stream", "stream_options"})
# Two names of one limit: an endpoint refuses both together, and the caller's wins over a default.
_ANSWER_LIMITS = frozenset({"max_tokens", "max_completion_tokens"})


class NotACompletionError(Exception):
    """A 200 whose body is not a completion; the text says what is missing."""


class UntranslatableError(Exception):
    """The request cannot be said in the endpoint's format: which field, and why. Never holds what was sent."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field} {why}")
        self.field = field


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer, in the OpenAI wire format whatever the endpoint speaks. `body`: JSON bytes.

    input_tokens: of the whole prompt, those that were read from a cache or written to one included, in every format.
    """

    body: bytes
    response_model: str | None
    finish_reasons: tuple[str, ...]
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


class Wire(Protocol):
    """One wire format."""

    def headers(self, api_key: str | None) -> dict[str, str]: ...

    def request(self, model: Model, body: dict[str, Any]) -> bytes:
        """Raises UntranslatableError."""
        ...

    def completion(self, answer: bytes) -> Completion:
        """Raises NotACompletionError."""
        ...


def with_defaults(model: Model, body: dict[str, Any]) -> dict[str, Any]:
    """The caller's fields over the model's configured defaults, with the model's name at the endpoint."""
    merged = {key: value for key, value in body.items() if key not in OWN_FIELDS and value is not None}
    limited = not _ANSWER_LIMITS.isdisjoint(merged)
    for key, value in model.config.items():
        if key in OWN_FIELDS or key in _CALLERS_ONLY or (limited and key in _ANSWER_LIMITS):
            continue
        merged.setdefault(key, value)
    merged["model"] = model.upstream_model
    return merged


def written(out: dict[str, Any]) -> bytes:
    """As JSON bytes. Raises UntranslatableError for what could be read and is too deep to be written."""
    try:
        return orjson.dumps(out)
    except TypeError:
        raise UntranslatableError("the body", "is nested too deeply") from None


def whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def cached_tokens(read: Any, written: Any, input_tokens: int | None) -> tuple[int, int]:
    """Read from a cache and written to one; together never more than the input, whatever the endpoint says."""
    all_read = min(whole_number(read) or 0, input_tokens or 0)
    return all_read, min(whole_number(written) or 0, (input_tokens or 0) - all_read)


def text_or_none(value: Any, limit: int = 200) -> str | None:
    return value.replace("\x00", "")[:limit] if isinstance(value, str) and value else None
