"""What every stream of an endpoint is read into: chunks in the caller's form, and what they say of the answer."""

from collections.abc import Iterable
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
_CONTENT = frozenset({"content", "reasoning_content", "reasoning", "refusal", "tool_calls", "function_call", "audio"})
_QUICKLY_READ_BYTES = 64 * 1024  # whatever they hold


class BrokenStreamError(Exception):
    """The stream is not what its format says; the text says how."""


class ErrorInStreamError(Exception):
    """The endpoint ended its stream with an error. body: the JSON that it sent, to be classified."""

    def __init__(self, body: bytes) -> None:
        super().__init__("the stream holds an error")
        self.body = body


class Chunk(NamedTuple):
    """A chunk in the caller's form, as JSON bytes without a newline.

    holds_content: a caller who reads it has something of the answer, so that no other model's may follow it.
    ends: it says that the answer, or one choice of it, is whole.
    """

    data: bytes
    holds_content: bool = False
    ends: bool = False


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
        return self.ended or (bool(self.finish_reasons) and self.choices <= self.finish_reasons.keys())

    @property
    def read(self) -> CompletionRead:
        reasons = tuple(self.finish_reasons.get(index, "unknown") for index in sorted(self.choices))
        return CompletionRead("", self.response_model, reasons, self.usage)

    def whole_answer(self, read: CompletionRead) -> None:
        """Of an endpoint that did not stream."""
        self.response_model, self.usage, self.ended = read.response_model, read.usage, True
        self.finish_reasons = dict(enumerate(read.finish_reasons))
        self.choices = set(self.finish_reasons)
        self.characters = len(read.text)

    def heard(self, body: dict[str, Any]) -> tuple[bool, bool]:
        """Of a chunk in the OpenAI wire format: whether it holds content, and whether it ends a choice. Raises
        BrokenStreamError and ErrorInStreamError."""
        if self.response_model is None:
            self.response_model = text_or_none(body.get("model"))
        holds_content = ends = False
        for choice in choices_of(body):
            index = index_of(choice)
            if index not in self.choices:
                self._begin(index)
            if choice.get("error") or choice.get("finish_reason") == "error":
                raise ErrorInStreamError(_error_in(choice))
            if choice.get("finish_reason"):
                self.finish_reasons[index] = finish_reason_of(choice)
                ends = True
            for name, value in _delta(choice).items():
                if value and name in _CONTENT:
                    holds_content = True
                    self.characters += len(value) if isinstance(value, str) else _characters(value)
        return holds_content, ends

    def _begin(self, index: int) -> None:
        self.choices.add(index)
        if len(self.choices) > MAX_CHOICES:
            raise BrokenStreamError(f"it has more than {MAX_CHOICES} choices")


class StreamReader(Protocol):
    """Of one stream in one wire format."""

    so_far: StreamSoFar

    def chunks(self, event: ServerEvent) -> Iterable[Chunk]:
        """What the event brings. Raises BrokenStreamError and ErrorInStreamError."""
        ...

    def end(self) -> Iterable[Chunk]:
        """What follows when the stream is whole and the endpoint did not say it."""
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


def chunk_of(body: dict[str, Any], *, holds_content: bool = False, ends: bool = False) -> Chunk:
    """Raises BrokenStreamError for what could be read and is too deep to be written."""
    try:
        return Chunk(orjson.dumps(body), holds_content, ends)
    except TypeError:
        raise BrokenStreamError("an event of the stream is nested too deeply") from None


def usage_chunk(like: dict[str, Any], usage: Usage) -> Chunk:
    """The chunk that ends a stream whose caller asked for its usage. like: another chunk of it."""
    named: dict[str, Any] = {name: like[name] for name in ("id", "object", "created", "model") if name in like}
    return chunk_of({**named, "choices": [], "usage": openai_usage(usage)})


def text_in(body: dict[str, Any]) -> str:
    """What a chunk in the OpenAI wire format adds to the text of the first choice."""
    texts = [_delta(choice).get("content") for choice in choices_of(body) if index_of(choice) == 0]
    return "".join(text for text in texts if isinstance(text, str))


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


def _error_in(choice: dict[str, Any]) -> bytes:
    """Without the rest of the chunk: errors are booked in the clear, and there may be text of the answer in it."""
    said = choice.get("error") or {"message": "a choice ended with the finish_reason `error`"}
    return orjson.dumps({"error": said})


def _characters(calls: Any) -> int:
    """Of the arguments of tool calls."""
    functions = [object_or_empty(object_or_empty(call).get("function")) for call in list_or_empty(calls)]
    arguments = [function.get("arguments") for function in functions]
    return sum(len(text) for text in arguments if isinstance(text, str))
