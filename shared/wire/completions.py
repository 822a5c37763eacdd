"""The one reader of completions. Endpoints wrote them, so nothing of them is taken for well-formed."""

from typing import Any, NamedTuple

import orjson

_FINISH_REASON_CHARS = 40
MAX_VALUES = 300_000  # an answer of the largest size with the twenty likeliest tokens at each place has as many
MAX_CHOICES = 1000  # of an answer, or blocks of its content; OpenAI makes 128 at most


class NotACompletionError(Exception):
    """A 200 whose body is not a completion; the text says what is missing."""


class Usage(NamedTuple):
    """Tokens of one completion. None: the endpoint did not say, or nothing that can be booked.

    input_tokens: of the whole prompt, those that were read from a cache or written to one included, in every format.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


class CompletionRead(NamedTuple):
    """What is read of a completion.

    text: of the first choice; empty when it calls a tool instead. finish_reasons: of every choice, in OpenAI's words.
    """

    text: str = ""
    response_model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = Usage()

    @property
    def finish_reason(self) -> str:
        """That of the text."""
        return next(iter(self.finish_reasons), "unknown")


class Completion(NamedTuple):
    """A completion and what is read of it. body: JSON bytes in the OpenAI wire format, whatever the endpoint speaks."""

    body: bytes
    read: CompletionRead


def read_completion(body: Any) -> CompletionRead:
    """Of a completion in the OpenAI wire format, parsed. Whatever it holds, nothing is raised."""
    completion = object_or_empty(body)
    choices = [object_or_empty(choice) for choice in list_or_empty(completion.get("choices"))]
    return CompletionRead(
        text=_text_of(choices[0]) if choices else "",
        response_model=text_or_none(completion.get("model")),
        finish_reasons=tuple(map(finish_reason_of, choices)),
        usage=usage_read(completion.get("usage")),
    )


def usage_read(usage: Any) -> Usage:
    """Of `usage` in the OpenAI wire format."""
    counts = object_or_empty(usage)
    details = object_or_empty(counts.get("prompt_tokens_details"))
    cached = details.get("cached_tokens"), details.get("cache_write_tokens")
    return usage_of(counts.get("prompt_tokens"), counts.get("completion_tokens"), *cached)


def usage_of(input_tokens: Any, output_tokens: Any, cache_read_tokens: Any, cache_write_tokens: Any) -> Usage:
    """As it can be booked: what is cached is never more than the input, whatever the endpoint says."""
    prompt = whole_number(input_tokens)
    read = min(whole_number(cache_read_tokens) or 0, prompt or 0)
    written = min(whole_number(cache_write_tokens) or 0, (prompt or 0) - read)
    return Usage(prompt, whole_number(output_tokens), read, written)


def openai_usage(usage: Usage) -> dict[str, Any]:
    """As OpenAI's format has it, which cannot say that a count is unknown."""
    input_tokens, output_tokens = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
    }


def parsed_answer(answer: bytes) -> Any:
    """The JSON of a 200. Raises NotACompletionError."""
    if values_in(answer) > MAX_VALUES:
        raise NotACompletionError(f"the JSON has more than {MAX_VALUES} objects, lists and members")
    try:
        return orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise NotACompletionError("the body is not JSON") from None


def values_in(json: bytes) -> int:
    """How many objects, lists and members, at most: reading takes longer by their number than by the length, and holds
    up every other call meanwhile."""
    return json.count(b"{") + json.count(b"[") + json.count(b'":')


def object_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def list_or_empty(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def whole_number(value: Any) -> int | None:
    """A count that fits an integer column of the books; None for everything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def finish_reason_of(choice: dict[str, Any]) -> str:
    """In the endpoint's own word."""
    return text_or_none(choice.get("finish_reason"), _FINISH_REASON_CHARS) or "unknown"


def text_or_none(value: Any, limit: int = 200) -> str | None:
    """At most `limit` characters, without NUL, which PostgreSQL cannot store; None for what is no text."""
    return value.replace("\x00", "")[:limit] if isinstance(value, str) and value else None


def _text_of(choice: dict[str, Any]) -> str:
    """Some endpoints answer in parts."""
    content = object_or_empty(choice.get("message")).get("content")
    if isinstance(content, str):
        return content
    parts = [object_or_empty(part).get("text") for part in list_or_empty(content)]
    return "".join(part for part in parts if isinstance(part, str))
