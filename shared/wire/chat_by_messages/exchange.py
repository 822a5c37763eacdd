"""A chat in OpenAI's form, asked of an endpoint that speaks Anthropic's: what becomes of each field stands in
`chat_fields.py`.

What is read here was written by the caller or the endpoint: nothing of it is taken for well-formed.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from shared.operations import WireFormat
from shared.wire.chat_by_messages.answer import completion_of
from shared.wire.chat_by_messages.request import request_body
from shared.wire.chat_by_messages.stream import AnthropicStream
from shared.wire.chat_by_messages.words import usage_in_all
from shared.wire.reading.completions import (
    MAX_CHOICES,
    Completion,
    NotACompletionError,
    object_or_empty,
    parsed_answer,
    read_completion,
)
from shared.wire.requests import written


class ChatByMessages:
    form: WireFormat = "openai"
    path = "/messages"

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        return written(request_body(model, defaults, body))

    def completion(self, answer: bytes) -> Completion:
        parsed = parsed_answer(answer)
        blocks = object_or_empty(parsed).get("content")
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise NotACompletionError("the JSON has no content")
        if len(blocks) > MAX_CHOICES:
            raise NotACompletionError(f"the JSON has more than {MAX_CHOICES} blocks of content")
        usage = usage_in_all(object_or_empty(parsed.get("usage")))
        try:
            body = completion_of(parsed, blocks, usage)
            translated = orjson.dumps(body)
        except TypeError:
            # It can be read deeper than it can be written.
            raise NotACompletionError("the JSON is nested too deeply") from None
        # OpenAI's format cannot express an unknown count, so the usage is not read from the translation.
        return Completion(translated, read_completion(body, usage))

    def stream(self) -> AnthropicStream:
        return AnthropicStream()
