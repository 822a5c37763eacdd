"""Pure: what a request asks of a model, read from its chat body. Upstream services may send anything."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from shared.events import RoutingOptions
from shared.operations import Operation, WireFormat
from shared.registry import canonical_reference

# Rough on purpose: the endpoint counts exactly. Four bytes of UTF-8 make about one token in most languages.
_BYTES_PER_TOKEN = 4
_TOKENS_PER_IMAGE = 1_000
_TOKENS_PER_MESSAGE = 4


@dataclass(frozen=True, slots=True)
class Needs:
    """reference: `<kind>:<name>`, or None for auto. Tokens are estimates.

    split_by: what decides between models that share traffic by weight; the same gives the same order.
    """

    reference: str | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0
    streaming: bool = False
    tools: bool = False
    vision: bool = False
    operation: Operation = "chat"
    form: WireFormat = "openai"
    options: RoutingOptions = field(default_factory=RoutingOptions)
    split_by: bytes = b""

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.answer_tokens


def needs_of(
    reference: str | None, body: dict[str, Any], options: RoutingOptions | None = None, split_by: bytes = b"",
    operation: Operation = "chat", form: WireFormat = "openai",
) -> Needs:  # fmt: skip
    parts = list(_parts(body.get("messages")))
    tools = body.get("tools") or body.get("functions")
    text = sum(len(part.encode(errors="replace")) for part in parts if isinstance(part, str))
    text += _size(tools) + _size(body.get("response_format"))
    images = sum(1 for part in parts if not isinstance(part, str))
    messages = len(body["messages"]) if isinstance(body.get("messages"), list) else 0
    return Needs(
        reference=canonical_reference(reference),
        prompt_tokens=text // _BYTES_PER_TOKEN + images * _TOKENS_PER_IMAGE + messages * _TOKENS_PER_MESSAGE,
        answer_tokens=_asked(body, "max_completion_tokens") or _asked(body, "max_tokens"),
        streaming=body.get("stream") is True,
        tools=bool(tools),
        vision=images > 0,
        options=options or RoutingOptions(),
        split_by=split_by,
        operation=operation,
        form=form,
    )


class _Image:
    """Stands for an image in a message."""


def _parts(messages: Any) -> Iterator[str | _Image]:
    """All texts and images of the messages."""
    for message in messages if isinstance(messages, list) else []:
        if not isinstance(message, dict):
            continue
        content = message.get("content")
        if isinstance(content, str):
            yield content
        for part in content if isinstance(content, list) else []:
            if not isinstance(part, dict):
                continue
            if part.get("type") in ("image_url", "image"):
                yield _Image()
            elif isinstance(part.get("text"), str):
                yield part["text"]
        yield from _strings(message.get("tool_calls"))


def _strings(value: Any) -> Iterator[str]:
    """The strings in a JSON value; what is nested deeper than anyone means is left out."""
    waiting, budget = [value], 100_000
    while waiting and budget:
        budget -= 1
        item = waiting.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            waiting += [*item, *item.values()]
        elif isinstance(item, list):
            waiting += item


def _size(value: Any) -> int:
    return sum(len(text.encode(errors="replace")) for text in _strings(value))


def _asked(body: dict[str, Any], field: str) -> int:
    value = body.get(field)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
