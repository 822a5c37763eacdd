"""Pure: what a request asks of a model, read from its body, in whichever form. Upstream services may send anything."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from shared.events import RoutingOptions
from shared.operations import Operation, WireFormat
from shared.registry import canonical_reference

# Rough on purpose: the endpoint counts exactly. Four bytes of UTF-8 make about one token in most languages.
_BYTES_PER_TOKEN = 4
_TOKENS_PER_IMAGE = 1_000
_TOKENS_PER_MESSAGE = 4
_BYTES_PER_TOKEN_OF_FILES = 20  # of a PDF in base64
_DEEPEST = 3  # content within content: documents within results of tools


@dataclass(frozen=True, slots=True)
class Needs:
    """reference: `<kind>:<name>`, or None for auto. Tokens are estimates.

    longest_tokens: of the longest of several inputs, where a model reads each by itself; None: it reads all at once.
    split_by: what decides between models that share traffic by weight; the same gives the same order.
    """

    reference: str | None = None
    prompt_tokens: int = 0
    answer_tokens: int = 0
    longest_tokens: int | None = None
    streaming: bool = False
    tools: bool = False
    vision: bool = False
    operation: Operation = "chat"
    form: WireFormat = "openai"
    options: RoutingOptions = field(default_factory=RoutingOptions)
    split_by: bytes = b""

    @property
    def tokens(self) -> int:
        """That must fit a context window at once."""
        return (self.prompt_tokens if self.longest_tokens is None else self.longest_tokens) + self.answer_tokens


def needs_of(
    reference: str | None, body: dict[str, Any], options: RoutingOptions | None = None, split_by: bytes = b"",
    operation: Operation = "chat", form: WireFormat = "openai",
) -> Needs:  # fmt: skip
    asked = Needs(
        reference=canonical_reference(reference),
        options=options or RoutingOptions(),
        split_by=split_by,
        operation=operation,
        form=form,
    )
    match operation:
        case "embeddings":
            return _of_each(asked, body, _input_sizes(body.get("input")))
        case "rerank":
            return _of_each(asked, body, _document_sizes(body))
    return _of_messages(asked, body)


def _of_each(asked: Needs, body: dict[str, Any], tokens: list[int]) -> Needs:
    """Each is read by itself, or cut to what the model can read where the caller asks for that."""
    longest = 0 if _is_cut(body) else max(tokens, default=0)
    return replace(asked, prompt_tokens=sum(tokens), longest_tokens=longest)


def _of_messages(asked: Needs, body: dict[str, Any]) -> Needs:
    parts = [*_content(body.get("system")), *_parts(body.get("messages"))]
    tools = body.get("tools") or body.get("functions")
    also_read = (tools, body.get("response_format"), body.get("output_config"))
    text = sum(_size(value) for value in also_read if value)
    images = files = 0
    for part in parts:
        match part:
            case str():
                text += len(part.encode(errors="replace"))
            case _Image():
                images += 1
            case _File(tokens):
                files += tokens
    messages = len(body["messages"]) if isinstance(body.get("messages"), list) else 0
    return replace(
        asked,
        prompt_tokens=text // _BYTES_PER_TOKEN + images * _TOKENS_PER_IMAGE + files + messages * _TOKENS_PER_MESSAGE,
        answer_tokens=_asked(body, "max_completion_tokens") or _asked(body, "max_tokens"),
        streaming=body.get("stream") is True,
        tools=bool(tools),
        vision=images > 0,
    )


def _input_sizes(given: Any) -> list[int]:
    """In tokens, of a text, texts, the tokens of one, or the tokens of several."""
    items = given if isinstance(given, list) else [given]
    if items and all(type(item) is int for item in items):
        return [len(items)]
    return [len(item) if isinstance(item, list) else _size(item) // _BYTES_PER_TOKEN for item in items]


def _document_sizes(body: dict[str, Any]) -> list[int]:
    """In tokens; each document is read with the query."""
    query = _size(body.get("query"))
    documents = body.get("documents")
    return [(query + _size(item)) // _BYTES_PER_TOKEN for item in (documents if isinstance(documents, list) else [])]


def _is_cut(body: dict[str, Any]) -> bool:
    """By the names of TEI, Ollama, Jina and Voyage (true), NVIDIA and Cohere (a word for which end)."""
    asked = [body.get(name) for name in ("truncate", "truncation", "truncate_prompt_tokens")]
    return any(bool(word) and word != "NONE" for word in asked)


class _Image:
    """Stands for an image in a message."""


@dataclass(frozen=True, slots=True)
class _File:
    """Stands for a file in a message."""

    tokens: int


_Part = str | _Image | _File


def _parts(messages: Any) -> Iterator[_Part]:
    """All texts, images and files of the messages."""
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, dict):
            yield from _content(message.get("content"))
            yield from _strings(message.get("tool_calls"))


def _content(content: Any, depth: int = _DEEPEST) -> Iterator[_Part]:
    if isinstance(content, str):
        yield content
    for part in content if isinstance(content, list) and depth else []:
        if isinstance(part, dict):
            yield from _of_part(part, depth - 1)


def _of_part(part: dict[str, Any], depth: int) -> Iterator[_Part]:
    match part.get("type"):
        case "image_url" | "image":
            yield _Image()
        case "tool_result" | "search_result":
            yield from _content(part.get("content"), depth)
        case "tool_use":
            yield from _strings(part.get("input"))
        case "document":
            yield from _document(part.get("source"), depth)
        case _ if isinstance(part.get("text"), str):
            yield part["text"]


def _document(source: Any, depth: int) -> Iterator[_Part]:
    if not isinstance(source, dict):
        return
    data = source.get("data")
    if isinstance(data, str):
        yield data if source.get("type") == "text" else _File(len(data) // _BYTES_PER_TOKEN_OF_FILES)
    yield from _content(source.get("content"), depth)


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
