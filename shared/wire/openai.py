"""The OpenAI wire format: what our callers speak, so bodies pass through."""

from collections.abc import Mapping
from typing import Any

from shared.operations import WireFormat
from shared.wire.completions import (
    MAX_CHOICES,
    Completion,
    NotACompletionError,
    object_or_empty,
    parsed_answer,
    read_completion,
)
from shared.wire.openai_stream import OpenAIStream
from shared.wire.requests import with_defaults, written


class PlainChat:
    """A chat that is asked in OpenAI's form, of an endpoint that speaks it."""

    form: WireFormat = "openai"
    path = "/chat/completions"

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        return written(with_defaults(model, defaults, body))

    def completion(self, answer: bytes) -> Completion:
        parsed = parsed_answer(answer)
        choices = object_or_empty(parsed).get("choices")
        if not isinstance(choices, list) or not choices:
            raise NotACompletionError("the JSON has no choices")
        if len(choices) > MAX_CHOICES:
            raise NotACompletionError(f"the JSON has more than {MAX_CHOICES} choices")
        if not all(isinstance(choice, dict) and isinstance(choice.get("message"), dict) for choice in choices):
            raise NotACompletionError("a choice has no message")
        return Completion(answer, read_completion(parsed))

    def stream(self) -> OpenAIStream:
        return OpenAIStream()
