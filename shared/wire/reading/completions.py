"""The one reader of completions, for routers, gateways and features alike.

Endpoints wrote them, so nothing of them is taken for well-formed. What a model thinks is not its answer.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from shared.wire.reading.thoughts import answer_in
from shared.wire.reading.told_errors import (
    ErrorInAnswerError,
    check_for_error,
    error_in_text,
    error_of_choice,
    words_of_page,
)
from shared.wire.reading.usage import NO_USAGE, Usage, openai_usage, usage_in, usage_of, usage_read
from shared.wire.reading.values import (
    MAX_VALUES,
    TooManyValuesError,
    list_or_empty,
    object_or_empty,
    read_json,
    text_or_none,
    values_in,
    whole_number,
)

__all__ = [
    "MAX_CHOICES", "MAX_VALUES", "Completion", "CompletionRead", "ErrorInAnswerError", "NotACompletionError", "Usage",
    "calls_in", "characters_of", "completion_in", "finish_reason_of", "list_or_empty", "object_or_empty",
    "openai_usage", "parsed_answer", "parsed_completion", "parsed_with_body", "read_completion", "said_in", "text_of",
    "text_or_none", "usage_in", "usage_of", "usage_read", "values_in", "whole_number", "written_answer",
]  # fmt: skip

_Object = Mapping[str, Any]

MAX_CHOICES = 1000  # of an answer, or blocks of its content; OpenAI makes 128 at most
_FINISH_REASON_CHARS = 40
_DEEPEST = 5  # of content in content
# Of parts of content: what a model thinks.
_THOUGHTS = frozenset(
    {
        "analysis", "reasoning", "reasoning.encrypted", "reasoning.summary", "reasoning.text", "reasoning_content",
        "reasoning_text", "redacted_thinking", "summary_text", "thinking", "thought",
    }
)  # fmt: skip
# Some name the same thoughts twice, for the readers of two vendors.
_THOUGHT_FIELDS = frozenset({"reasoning_content", "reasoning", "thinking", "reasoning_details", "thinking_blocks"})
_TEXTS = ("text", "content", "value", "refusal", "parts", "transcript")
_THOUGHT_TEXTS = ("thinking", "reasoning", "summary")


class NotACompletionError(Exception):
    """A 200 whose body is not a completion; the text says what is missing. usage: what it says that it took."""

    def __init__(self, why: str, usage: Usage = NO_USAGE) -> None:
        super().__init__(why)
        self.usage = usage


class CompletionRead(NamedTuple):
    """What is read of a completion.

    text: of the first choice, without what the model thought; its refusal, or what it said aloud, when it wrote
    nothing; empty when it calls a tool instead. finish_reasons: of every choice, in the endpoint's words. characters:
    of all that the model made in all choices, thoughts and arguments of tool calls included.
    """

    text: str = ""
    response_model: str | None = None
    finish_reasons: tuple[str, ...] = ()
    usage: Usage = Usage()
    characters: int = 0

    @property
    def finish_reason(self) -> str:
        """That of the text."""
        return next(iter(self.finish_reasons), "unknown")


class Completion(NamedTuple):
    """A completion and what is read of it. body: JSON bytes in the OpenAI wire format, whatever the endpoint speaks."""

    body: bytes
    read: CompletionRead


def read_completion(body: Any, usage: Usage | None = None) -> CompletionRead:
    """Of a completion in the OpenAI wire format, parsed. usage: where it was read already. Nothing is raised, whatever
    the body holds."""
    completion = object_or_empty(body)
    choices = [object_or_empty(choice) for choice in list_or_empty(completion.get("choices"))]
    messages = [said_in(choice) for choice in choices]
    return CompletionRead(
        text=_answer_of(messages[0]) if messages else "",
        response_model=text_or_none(completion.get("model")),
        finish_reasons=tuple(map(finish_reason_of, choices)),
        usage=usage_in(completion) if usage is None else usage,
        characters=sum(map(characters_of, messages)),
    )


def completion_in(answer: bytes) -> Completion:
    """As `parsed_completion`. What the SDKs of our callers read passes as it is."""
    body, read, as_it_is = parsed_completion(answer)
    return Completion(answer if as_it_is else written_answer(body), read)


def parsed_completion(answer: bytes) -> tuple[dict[str, Any], CompletionRead, bool]:
    """Of the body of a 200 in the OpenAI wire format; what the SDKs of our callers do not read and we can is put into
    the form. Whether it is as the answer has it. Raises NotACompletionError and ErrorInAnswerError."""
    parsed, as_it_is = _parsed(answer)
    body = object_or_empty(parsed)
    usage, choices = usage_in(body), body.get("choices")
    if not isinstance(choices, list) or not choices:
        raise NotACompletionError("the JSON has no choices", usage)
    if len(choices) > MAX_CHOICES:
        raise NotACompletionError(f"the JSON has more than {MAX_CHOICES} choices", usage)
    formed = [_formed(choice) for choice in choices]
    for choice in formed:
        if choice is None:
            raise NotACompletionError("a choice has no message", usage)
        if (error := error_of_choice(choice)) is not None:
            raise ErrorInAnswerError(error, usage)
    is_changed = any(after is not before for after, before in zip(formed, choices, strict=True))
    if is_changed:
        body = {**body, "choices": formed}
    return body, read_completion(body, usage), as_it_is and not is_changed


def parsed_answer(answer: bytes) -> Any:
    """The JSON of a 200 in any wire format. Raises NotACompletionError and ErrorInAnswerError."""
    return _parsed(answer)[0]


def said_in(choice: _Object) -> dict[str, Any]:
    """The message or the delta of a choice, also of one in the form of the older completions."""
    for name in ("message", "delta"):
        if isinstance(message := choice.get(name), dict):
            return message
    for name in ("message", "text"):
        if isinstance(text := choice.get(name), str):
            return {"content": text}
    return {}


def calls_in(body: Any) -> str:
    """The tool calls of the first choice, for people; empty when there are none."""
    choices = list_or_empty(object_or_empty(body).get("choices"))
    said = said_in(object_or_empty(choices[0])) if choices else {}
    calls = said.get("tool_calls") or said.get("function_call")
    return str(calls) if calls else ""


def parsed_with_body(answer: bytes) -> tuple[Any, bytes]:
    """As `parsed_answer`, and the answer as every reader of JSON can read it: itself, or written anew."""
    value, as_it_is = _parsed(answer)
    return value, answer if as_it_is else written_answer(value)


def text_of(content: Any) -> str:
    """Of a message or a delta: a text, parts of one, or an object that holds either; without thoughts that are parts of
    their own."""
    return content if isinstance(content, str) else "".join(_texts(content, _DEEPEST, thoughts=False))


def characters_of(said: _Object) -> int:
    """Of all that a message or a delta says: for an estimate of tokens that the endpoint does not count."""
    size = thoughts = 0
    for name, value in said.items():
        if not value:
            continue
        if name == "content":
            size += len(value) if isinstance(value, str) else _length(value)
        elif name in _THOUGHT_FIELDS:
            thoughts = max(thoughts, _length(value))
        elif name == "refusal":
            size += _length(value)
        elif name == "tool_calls":
            size += sum(_arguments(object_or_empty(call).get("function")) for call in list_or_empty(value))
        elif name == "function_call":
            size += _arguments(value)
        elif name == "audio":
            size += len(_transcript(said))
    return size + thoughts


def finish_reason_of(choice: _Object) -> str:
    """In the endpoint's own word."""
    reason = choice.get("finish_reason")
    if isinstance(reason, dict):  # SGLang
        reason = reason.get("type")
    return text_or_none(reason, _FINISH_REASON_CHARS) or "unknown"


def _parsed(answer: bytes) -> tuple[Any, bool]:
    """As `read_json`."""
    try:
        parsed = read_json(answer)
    except TooManyValuesError as error:
        raise NotACompletionError(f"the JSON {error}") from None
    except ValueError:
        if (told := error_in_text(answer)) is not None:
            raise told from None
        words = words_of_page(answer)
        raise NotACompletionError("the body is not JSON" + (f": {words}" if words else "")) from None
    check_for_error(parsed[0])
    return parsed


def _formed(choice: Any) -> dict[str, Any] | None:
    """The choice with a message in it; itself when it has one. None when it says nothing that could be one."""
    if not isinstance(choice, dict):
        return None
    if isinstance(choice.get("message"), dict):
        return choice
    if message := said_in(choice):
        return {**choice, "message": {"role": "assistant", **message}}
    if choice.get("finish_reason") or choice.get("error"):  # a filter may leave nothing of an answer but its end
        return {**choice, "message": {"role": "assistant", "content": None}}
    return None


def _answer_of(message: _Object) -> str:
    text = answer_in(text_of(message.get("content")))
    return text or text_of(message.get("refusal")) or _transcript(message)


def _texts(content: Any, depth: int, *, thoughts: bool) -> Iterator[str]:
    """thoughts: those are wanted too."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list) and depth:
        for part in content:
            yield from _texts(part, depth - 1, thoughts=thoughts)
    elif isinstance(content, dict) and depth:
        is_thought = content.get("type") in _THOUGHTS if isinstance(content.get("type"), str) else False
        if thoughts or not (is_thought or content.get("thought") is True):
            names = (*_THOUGHT_TEXTS, *_TEXTS) if thoughts else _TEXTS
            said = next((content[name] for name in names if content.get(name)), None)
            yield from _texts(said, depth - 1, thoughts=thoughts)


def _length(content: Any) -> int:
    return sum(map(len, _texts(content, _DEEPEST, thoughts=True)))


def _transcript(said: _Object) -> str:
    transcript = object_or_empty(said.get("audio")).get("transcript")
    return transcript if isinstance(transcript, str) else ""


def _arguments(function: Any) -> int:
    arguments = object_or_empty(function).get("arguments")
    if isinstance(arguments, str):
        return len(arguments)
    try:
        return len(orjson.dumps(arguments)) if isinstance(arguments, dict) else 0
    except TypeError:  # nested too deeply
        return 0


def written_answer(body: Any) -> bytes:
    """Raises NotACompletionError for what could be read and is too deep to be written."""
    try:
        return orjson.dumps(body)
    except TypeError:
        raise NotACompletionError("the JSON is nested too deeply") from None
