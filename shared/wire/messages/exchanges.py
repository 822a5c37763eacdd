"""A chat that is asked in the form of Anthropic's messages: of an endpoint that speaks them too, and of one that speaks
OpenAI's chat form.

What is read here was written by the caller or the endpoint: nothing of it is taken for well-formed.
"""

from collections.abc import Mapping
from typing import Any

from shared.operations import WireFormat
from shared.wire.chat_by_messages.words import finish_reason, usage_in_all
from shared.wire.messages.answer import message_of
from shared.wire.messages.by_chat_stream import MessagesByChatStream
from shared.wire.messages.native import counted_body, messages_body
from shared.wire.messages.request import chat_body
from shared.wire.messages.stream import MessagesStream
from shared.wire.plain.chat import whole
from shared.wire.reading.completions import (
    MAX_CHOICES,
    Completion,
    CompletionRead,
    NotACompletionError,
    Usage,
    characters_of,
    object_or_empty,
    parsed_completion,
    parsed_with_body,
    text_or_none,
    whole_number,
    written_answer,
)
from shared.wire.requests import written


class PlainMessages:
    """Of an endpoint that speaks the form: bodies and answers pass as they are."""

    form: WireFormat = "anthropic"
    path = "/messages"

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        return written(messages_body(model, defaults, body))

    def completion(self, answer: bytes) -> Completion:
        parsed, body = parsed_with_body(answer)
        message = object_or_empty(parsed)
        blocks = message.get("content")
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise NotACompletionError("the JSON has no content")
        if len(blocks) > MAX_CHOICES:
            raise NotACompletionError(f"the JSON has more than {MAX_CHOICES} blocks of content")
        texts = [block.get("text") for block in blocks if block.get("type") == "text"]
        read = CompletionRead(
            text="".join(text for text in texts if isinstance(text, str)),
            response_model=text_or_none(message.get("model")),
            finish_reasons=(finish_reason(message.get("stop_reason")),),
            usage=usage_in_all(object_or_empty(message.get("usage"))),
            characters=sum(map(_characters, blocks)),
        )
        return Completion(body, read)

    def stream(self) -> MessagesStream:
        return MessagesStream()


class CountTokens:
    """How many tokens a request has, asked of an endpoint that can tell. It costs none: what is counted are tokens of a
    request that may never be made."""

    form: WireFormat = "anthropic"
    path = "/messages/count_tokens"

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        return written(counted_body(model, defaults, body))

    def completion(self, answer: bytes) -> Completion:
        parsed, body = parsed_with_body(answer)
        if whole_number(object_or_empty(parsed).get("input_tokens")) is None:
            raise NotACompletionError("the JSON has no input_tokens")
        return Completion(body, CompletionRead(usage=Usage(0, 0)))

    def stream(self) -> MessagesStream:
        return MessagesStream()


class MessagesByChat:
    """Of an endpoint that speaks OpenAI's chat form: what becomes of each field stands in `message_fields.py`."""

    form: WireFormat = "anthropic"
    path = "/chat/completions"

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        return written(chat_body(model, defaults, body))

    def completion(self, answer: bytes) -> Completion:
        body, read, _ = parsed_completion(whole(answer))
        return Completion(written_answer(message_of(body, read.usage)), read)

    def stream(self) -> MessagesByChatStream:
        return MessagesByChatStream()


def _characters(block: dict[str, Any]) -> int:
    """Of what the model made."""
    made = characters_of({"content": [block]})
    return made + (len(str(block["input"])) if isinstance(block.get("input"), dict) else 0)
