"""The OpenAI wire format: what our callers speak, so bodies pass through."""

from typing import Any

import orjson

from shared.registry import Model
from shared.wire.completions import (
    Completion,
    NotACompletionError,
    cached_tokens,
    text_or_none,
    whole_number,
    with_defaults,
    written,
)


class OpenAIWire:
    def headers(self, api_key: str | None) -> dict[str, str]:
        return {"authorization": f"Bearer {api_key}"} if api_key else {}

    def request(self, model: Model, body: dict[str, Any]) -> bytes:
        return written(with_defaults(model, body))

    def completion(self, answer: bytes) -> Completion:
        try:
            parsed = orjson.loads(answer)
        except orjson.JSONDecodeError:
            raise NotACompletionError("the body is not JSON") from None
        choices = parsed.get("choices") if isinstance(parsed, dict) else None
        if not isinstance(choices, list) or not choices:
            raise NotACompletionError("the JSON has no choices")
        if not all(isinstance(one, dict) and isinstance(one.get("message"), dict) for one in choices):
            raise NotACompletionError("a choice has no message")
        usage = parsed.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        details = usage.get("prompt_tokens_details")
        details = details if isinstance(details, dict) else {}
        input_tokens = whole_number(usage.get("prompt_tokens"))
        read, written = cached_tokens(details.get("cached_tokens"), details.get("cache_write_tokens"), input_tokens)
        return Completion(
            body=answer,
            response_model=text_or_none(parsed.get("model")),
            finish_reasons=tuple(text_or_none(one.get("finish_reason"), 40) or "unknown" for one in choices),
            input_tokens=input_tokens,
            output_tokens=whole_number(usage.get("completion_tokens")),
            cache_read_tokens=read,
            cache_write_tokens=written,
        )
