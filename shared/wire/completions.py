"""What is read of completions, in whatever wire format they came."""

from dataclasses import dataclass
from typing import Any


class NotACompletionError(Exception):
    """A 200 whose body is not a completion; the text says what is missing."""


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


def whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def cached_tokens(read: Any, written: Any, input_tokens: int | None) -> tuple[int, int]:
    """Read from a cache and written to one; together never more than the input, whatever the endpoint says."""
    all_read = min(whole_number(read) or 0, input_tokens or 0)
    return all_read, min(whole_number(written) or 0, (input_tokens or 0) - all_read)


def text_or_none(value: Any, limit: int = 200) -> str | None:
    return value.replace("\x00", "")[:limit] if isinstance(value, str) and value else None
