"""The OpenAI wire format: what our callers speak, so bodies pass through."""

from collections.abc import Mapping
from typing import Any

from shared.operations import WireFormat
from shared.wire.completions import Completion, completion_in
from shared.wire.openai_stream import OpenAIStream
from shared.wire.requests import with_defaults, written


class PlainChat:
    """A chat that is asked in OpenAI's form, of an endpoint that speaks it."""

    form: WireFormat = "openai"
    path = "/chat/completions"

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        return written(with_defaults(model, defaults, body))

    def completion(self, answer: bytes) -> Completion:
        return completion_in(answer)

    def stream(self) -> OpenAIStream:
        return OpenAIStream()
