"""What every stream of an endpoint is read into: chunks in the caller's form, and what they say of the answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import orjson

from shared.wire.reading.completions import (
    MAX_CHOICES,
    CompletionRead,
    Usage,
    characters_of,
    finish_reason_of,
    list_or_empty,
    object_or_empty,
    openai_usage,
    said_in,
    text_of,
    text_or_none,
)
from shared.wire.reading.server_events import ServerEvent
from shared.wire.reading.told_errors import (
    ErrorInAnswerError,
    check_for_error,
    error_in_text,
    error_of_choice,
    words_alone,
)
from shared.wire.reading.values import TooManyValuesError, read_json

# What of a delta is the model's answer, as OpenAI and those who speak its format name it.
_CONTENT = frozenset(
    {
        "audio", "content", "function_call", "images", "reasoning", "reasoning_content", "reasoning_details", "refusal",
        "thinking", "thinking_blocks", "tool_calls",
    }
)  # fmt: skip


class BrokenStreamError(Exception):
    """The stream is not what its format says; the text says how."""


# The endpoint ended its stream with an error.
ErrorInStreamError = ErrorInAnswerError


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
        self.characters = read.characters

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
            ends_so = choice.get("finish_reason")
            if ends_so or choice.get("error"):
                if (error := error_of_choice(choice)) is not None:
                    raise ErrorInStreamError(error, self.usage)
                if ends_so:
                    self.finish_reasons[index] = finish_reason_of(choice)
                    ends = True
            holds_content = self._heard_delta(object_or_empty(choice.get("delta"))) or holds_content
        return holds_content, ends

    def _heard_delta(self, delta: dict[str, Any]) -> bool:
        """Whether it holds content. Nearly every delta holds one text."""
        size, held, is_plain = 0, 0, True
        for name, value in delta.items():
            if value and name in _CONTENT:
                held += 1
                if isinstance(value, str):
                    size += len(value)
                else:
                    is_plain = False
        self.characters += size if is_plain and held <= 1 else characters_of(delta)
        return held > 0

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
    return read_event(event)[0]


def read_event(event: ServerEvent) -> tuple[dict[str, Any], bool]:
    """As `parsed_event`, and whether every reader of JSON can read its data."""
    try:
        body, as_it_is = read_json(event.data)
    except TooManyValuesError as error:
        raise BrokenStreamError(f"an event of the stream {error}") from None
    except ValueError:
        if (told := error_in_text(event.data)) is not None:
            raise told from None
        if event.name == b"error":
            raise ErrorInStreamError(words_alone(event.data)) from None
        raise BrokenStreamError("an event of the stream is not JSON") from None
    if not isinstance(body, dict):
        check_for_error(body, is_event=True)
        raise BrokenStreamError("an event of the stream is no JSON object")
    if body.get("error"):
        check_for_error(body, is_event=True)
    if event.name == b"error":
        raise ErrorInStreamError(event.data)
    return body, as_it_is


def chunk_of(body: dict[str, Any], *, holds_content: bool = False, ends: bool = False) -> Chunk:
    """Raises BrokenStreamError for what could be read and is too deep to be written."""
    return Chunk(json_of(body), holds_content, ends)


def json_of(value: Any) -> bytes:
    """Raises BrokenStreamError for what could be read and is too deep to be written."""
    try:
        return orjson.dumps(value)
    except TypeError:
        raise BrokenStreamError("an event of the stream is nested too deeply") from None


def usage_chunk(like: dict[str, Any], usage: Usage | dict[str, Any]) -> Chunk:
    """The chunk that ends a stream whose caller asked for its usage. like: another chunk of it. usage: as it was read,
    or in the endpoint's own words."""
    told = openai_usage(usage) if isinstance(usage, Usage) else usage
    named: dict[str, Any] = {name: like[name] for name in ("id", "object", "created", "model") if name in like}
    return chunk_of({**named, "choices": [], "usage": told})


def text_in(body: dict[str, Any]) -> str:
    """What a chunk in the OpenAI wire format adds to the text of the first choice."""
    return "".join(text_of(said_in(choice).get("content")) for choice in choices_of(body) if index_of(choice) == 0)


def choices_of(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    choices = list_or_empty(body.get("choices"))
    if len(choices) == 1 and isinstance(choices[0], dict):  # nearly every chunk: it is asked for several times
        return choices
    return [choice for choice in choices if isinstance(choice, dict)]


def index_of(numbered: dict[str, Any]) -> int:
    """Of a choice or a tool call; 0 when it has none that can be one."""
    index = numbered.get("index")
    return index if isinstance(index, int) and not isinstance(index, bool) and 0 <= index < 2**31 else 0
