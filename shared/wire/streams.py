"""What every wire format's stream is read into: chunks in the OpenAI wire format, and what they say of the answer."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import orjson

from shared.wire.completions import (
    MAX_CHOICES,
    MAX_VALUES,
    CompletionRead,
    Usage,
    finish_reason_of,
    list_or_empty,
    object_or_empty,
    openai_usage,
    text_or_none,
    values_in,
)
from shared.wire.server_events import ServerEvent

# What of a delta is the model's answer, as OpenAI and those who speak its format name it.
_CONTENT = ("content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio")


_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
_QUICKLY_READ_BYTES = 64 * 1024  # whatever they hold


class BrokenStreamError(Exception):
    """The stream is not what its format says; the text says how."""


class ErrorInStreamError(Exception):
    """The endpoint ended its stream with an error. body: the JSON that it sent, to be classified."""

    def __init__(self, body: bytes) -> None:
        super().__init__("the stream holds an error")
        self.body = body


class Chunk(NamedTuple):
    """A chunk in the OpenAI wire format. data: as JSON bytes. body: the same, parsed."""

    data: bytes
    body: dict[str, Any]

    @property
    def holds_content(self) -> bool:
        """Whether a caller who reads it has something of the answer, so that no other model's may follow it."""
        return any(_delta(choice).get(name) for choice in choices_of(self.body) for name in _CONTENT)

    @property
    def text(self) -> str:
        """What it adds to the text of the first choice."""
        texts = [_delta(choice).get("content") for choice in choices_of(self.body) if index_of(choice) == 0]
        return "".join(text for text in texts if isinstance(text, str))

    @property
    def is_usage(self) -> bool:
        """Whether it is the chunk of `stream_options.include_usage`, which holds nothing else."""
        return not self.body.get("choices") and bool(self.body.get("usage"))


@dataclass(slots=True)
class StreamSoFar:
    """What is known of an answer while its chunks come.

    characters: of the text and of arguments of tool calls, for an estimate of tokens that the endpoint does not say.
    ended: the endpoint has said that the stream is whole.
    """

    response_model: str | None = None
    finish_reasons: dict[int, str] = field(default_factory=dict)  # by the choice's index
    choices: set[int] = field(default_factory=set)
    usage: Usage = field(default_factory=Usage)
    characters: int = 0
    ended: bool = False

    @property
    def whole(self) -> bool:
        """A stream without its last word is whole as well when every choice has said why it ended."""
        return self.ended or (bool(self.choices) and self.choices <= self.finish_reasons.keys())

    @property
    def read(self) -> CompletionRead:
        reasons = tuple(self.finish_reasons.get(index, "unknown") for index in sorted(self.choices))
        return CompletionRead("", self.response_model, reasons, self.usage)

    def heard(self, body: dict[str, Any]) -> None:
        """Of a chunk in the OpenAI wire format. Raises BrokenStreamError."""
        self.response_model = self.response_model or text_or_none(body.get("model"))
        for choice in choices_of(body):
            self._heard_choice(choice)

    def _heard_choice(self, choice: dict[str, Any]) -> None:
        index = index_of(choice)
        if index not in self.choices:
            self.choices.add(index)
            if len(self.choices) > MAX_CHOICES:
                raise BrokenStreamError(f"it has more than {MAX_CHOICES} choices")
        if choice.get("finish_reason"):
            self.finish_reasons[index] = finish_reason_of(choice)
        self.characters += _characters(_delta(choice))


class StreamReader(Protocol):
    """Of one stream in one wire format."""

    so_far: StreamSoFar

    def chunks(self, event: ServerEvent) -> Iterator[Chunk]:
        """What the event brings. Raises BrokenStreamError and ErrorInStreamError."""
        ...


def parsed_event(event: ServerEvent) -> dict[str, Any]:
    """The JSON object of an event. Raises BrokenStreamError, and ErrorInStreamError when it is an error."""
    if len(event.data) > _QUICKLY_READ_BYTES and values_in(event.data) > MAX_VALUES:
        raise BrokenStreamError(f"an event of the stream has more than {MAX_VALUES} objects, lists and members")
    try:
        body = orjson.loads(event.data)
    except orjson.JSONDecodeError:
        if event.name == b"error":
            raise ErrorInStreamError(event.data) from None
        raise BrokenStreamError("an event of the stream is not JSON") from None
    if not isinstance(body, dict):
        raise BrokenStreamError("an event of the stream is no JSON object")
    if body.get("error") or event.name == b"error":
        raise ErrorInStreamError(event.data)
    return body


def chunk_of(body: dict[str, Any]) -> Chunk:
    """Raises BrokenStreamError for what could be read and is too deep to be written."""
    try:
        return Chunk(orjson.dumps(body), body)
    except TypeError:
        raise BrokenStreamError("an event of the stream is nested too deeply") from None


def usage_chunk(like: dict[str, Any], usage: Usage) -> Chunk:
    """The chunk that ends a stream whose caller asked for its usage. like: another chunk of it."""
    named: dict[str, Any] = {name: like[name] for name in ("id", "object", "created", "model") if name in like}
    return chunk_of({**named, "choices": [], "usage": openai_usage(usage)})


def choices_of(body: dict[str, Any]) -> list[dict[str, Any]]:
    choices = list_or_empty(body.get("choices"))
    if len(choices) == 1 and isinstance(choices[0], dict):  # nearly every chunk: it is asked for several times
        return choices
    return [choice for choice in choices if isinstance(choice, dict)]


def index_of(numbered: dict[str, Any]) -> int:
    """Of a choice or a tool call; 0 when it has none that can be one."""
    index = numbered.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 2**31 else 0


def _delta(choice: dict[str, Any]) -> dict[str, Any]:
    return object_or_empty(choice.get("delta"))


def _characters(delta: dict[str, Any]) -> int:
    said = sum(len(text) for name in _TEXTS if isinstance(text := delta.get(name), str))
    if delta.get("tool_calls"):
        calls = [object_or_empty(call) for call in list_or_empty(delta["tool_calls"])]
        arguments = [object_or_empty(call.get("function")).get("arguments") for call in calls]
        said += sum(len(text) for text in arguments if isinstance(text, str))
    return said
