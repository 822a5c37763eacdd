"""Between streams and whole completions, both in the OpenAI wire format. Neither way anything is lost.

A delta continues what came before it; which of its members are continued, and which are only said again, no format
says of what vendors add to it. Known texts are continued, names and marks are not; of an unknown text, what is said
again as it was is taken for the same.
"""

from collections.abc import Iterator
from typing import Any

import orjson

from shared.wire.reading.completions import list_or_empty, object_or_empty, said_in, text_of
from shared.wire.reading.streams import BrokenStreamError, Chunk, choices_of, chunk_of, index_of
from shared.wire.reading.values import arguments_text

_Object = dict[str, Any]

# Where a delta names these again, it says the same.
_NAMES = frozenset({"role", "id", "type", "index", "format", "object", "mime_type", "detail"})
# These are continued, also by what they were before: "ha" and "ha".
_TEXTS = frozenset(
    {
        "arguments", "content", "data", "input", "partial_json", "reasoning", "reasoning_content", "refusal",
        "signature", "summary", "text", "thinking", "transcript",
    }
)  # fmt: skip
_OF_CHOICE = frozenset({"index", "delta", "message", "text", "logprobs", "finish_reason", "provider_specific_fields"})
_MOST_CALLS = 1000
_MOST_PIECES = 1000  # of arguments that are looked at for being whole


class Collected:
    """The completion that the chunks of a stream add up to. Raises nothing, whatever the chunks hold."""

    def __init__(self) -> None:
        self._frame: _Object = {}
        self._usage: Any = None
        self._choices: dict[int, _Choice] = {}

    def add(self, body: _Object) -> None:
        """body: of a chunk."""
        for name, value in body.items():
            if name == "usage":
                self._usage = value or self._usage
            elif name != "choices" and value:
                self._frame[name] = _replaced(self._frame.get(name), value)
        for choice in choices_of(body):
            self._choices.setdefault(index_of(choice), _Choice()).add(choice)

    def completion(self) -> bytes:
        body = {**self._frame, "object": "chat.completion"}
        body["choices"] = [{"index": index, **choice.whole()} for index, choice in sorted(self._choices.items())]
        if self._usage:
            body["usage"] = self._usage
        try:
            return orjson.dumps(body)
        except TypeError:  # vendors' members can be read deeper than they can be written
            return orjson.dumps({"object": "chat.completion", "choices": [c.text() for c in self._choices.values()]})


class _Choice:
    def __init__(self) -> None:
        self._message = _Growing()
        self._calls = _Calls()
        self._logprobs = _Growing()
        self._finish_reason: Any = None
        self._beside = _Growing()  # what an endpoint says in its own words
        self._more: _Object = {}

    def add(self, choice: _Object) -> None:
        self._beside.add(object_or_empty(choice.get("provider_specific_fields")))
        said = said_in(choice)
        if said.get("tool_calls"):
            self._calls.add(list_or_empty(said["tool_calls"]))
            said = {name: value for name, value in said.items() if name != "tool_calls"}
        self._message.add(said)
        self._logprobs.add(object_or_empty(choice.get("logprobs")))
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        for name, value in choice.items():
            if name not in _OF_CHOICE and value is not None:
                self._more[name] = _replaced(self._more.get(name), value)

    def whole(self) -> _Object:
        message = {"role": "assistant", "content": None, **self._message.whole()}
        if calls := self._calls.whole():
            message["tool_calls"] = calls
        logprobs = self._logprobs.whole() or None
        beside = self._beside.whole()
        more = self._more | ({"provider_specific_fields": beside} if beside else {})
        return {**more, "message": message, "logprobs": logprobs, "finish_reason": self._finish_reason}

    def text(self) -> _Object:
        """The text of the answer alone."""
        return {"message": {"role": "assistant", "content": text_of(self._message.whole().get("content"))}}


class _Calls:
    """Tool calls. Some endpoints number them all with 0 or not at all, or send each of them whole."""

    def __init__(self) -> None:
        self._calls: list[_Call] = []
        self._newest: dict[int, _Call] = {}  # by the index that the endpoint gave

    def add(self, parts: list[Any]) -> None:
        for part in parts:
            if not isinstance(part, dict):
                continue
            call = self._newest.get(index_of(part)) if "index" in part else next(reversed(self._calls), None)
            if len(self._calls) < _MOST_CALLS and (call is None or call.is_over_before(part)):
                call = _Call()
                self._calls.append(call)
            if call is not None:
                self._newest[index_of(part)] = call
                call.add(part)

    def whole(self) -> list[_Object]:
        return [call.whole() for call in self._calls]


class _Call:
    def __init__(self) -> None:
        self._id: Any = None
        self._fields = _Growing()
        self._function = _Growing()
        self._name = ""
        self._arguments: list[str] = []

    def is_over_before(self, part: _Object) -> bool:
        """Whether the part begins another call."""
        if part.get("id") and self._id and part["id"] != self._id:
            return True
        function = object_or_empty(part.get("function"))
        if not function.get("name") or not arguments_text(function.get("arguments")).lstrip().startswith("{"):
            return False
        return len(self._arguments) < _MOST_PIECES and _is_whole("".join(self._arguments))

    def add(self, part: _Object) -> None:
        self._id = self._id or part.get("id")
        function = object_or_empty(part.get("function"))
        self._name = _named(self._name, function.get("name"))
        if arguments := arguments_text(function.get("arguments")):
            self._arguments.append(arguments)
        self._function.add({name: value for name, value in function.items() if name not in ("name", "arguments")})
        self._fields.add({name: value for name, value in part.items() if name not in ("index", "function")})

    def whole(self) -> _Object:
        function = {**self._function.whole(), "name": self._name, "arguments": "".join(self._arguments)}
        return {**self._fields.whole(), "function": function}


class _Growing:
    """An object that deltas add to: texts are continued, lists get longer, numbered members grow by their index."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}
        self._numbered: dict[str, dict[int, _Growing]] = {}
        self._objects: dict[str, _Growing] = {}
        self._values: _Object = {}

    def add(self, delta: _Object) -> None:
        for name, value in delta.items():
            if name in _NAMES:
                self._values[name] = self._values.get(name) or value
            elif isinstance(value, str):
                self._continue(name, value)
            elif isinstance(value, dict):
                self._objects.setdefault(name, _Growing()).add(value)
            elif isinstance(value, list):
                self._extend(name, value)
            elif value is not None:
                self._values[name] = value

    def _continue(self, name: str, text: str) -> None:
        pieces = self._texts.get(name)
        if pieces is None:
            self._texts[name] = [text]
        elif name in _TEXTS or pieces != [text]:
            pieces.append(text)

    def _extend(self, name: str, items: list[Any]) -> None:
        """A text that goes on in parts, or the other way round, is one of parts."""
        if items and all(isinstance(item, dict) and "index" in item for item in items):
            members = self._numbered.setdefault(name, {})
            for item in items:
                members.setdefault(index_of(item), _Growing()).add(item)
        elif items:
            before = [{"type": "text", "text": "".join(self._texts.pop(name))}] if name in self._texts else []
            self._values[name] = [*list_or_empty(self._values.get(name)), *before, *items]

    def whole(self) -> _Object:
        whole = dict(self._values)
        for name, pieces in self._texts.items():
            text, parts = "".join(pieces), whole.get(name)
            if isinstance(parts, list):
                whole[name] = [*parts, {"type": "text", "text": text}] if text else parts
            else:
                whole[name] = text
        for name, growing in self._objects.items():
            whole[name] = growing.whole()
        for name, by in self._numbered.items():
            whole[name] = [*(by[n].whole() for n in sorted(by)), *list_or_empty(whole.get(name))]
        return whole


def chunks_of(answer: bytes) -> Iterator[Chunk]:
    """A whole completion as the chunks of a stream: each choice, and its usage. Raises BrokenStreamError.

    For an endpoint that answers whole where a stream was asked for, and for a stored answer that is asked for as a
    stream.
    """
    for body in chunk_bodies_of(answer):
        holds_choice = bool(body["choices"])
        yield chunk_of(body, holds_content=holds_choice, ends=holds_choice)


def chunk_bodies_of(answer: bytes) -> Iterator[_Object]:
    """The same, for who reads them at once."""
    completion = completion_object(answer)
    frame = {name: value for name, value in completion.items() if name not in ("choices", "usage")}
    frame["object"] = "chat.completion.chunk"
    for choice in choices_of(completion):
        message = said_in(choice)
        calls = [_streamed(n, object_or_empty(call)) for n, call in enumerate(list_or_empty(message.get("tool_calls")))]
        delta = message | ({"tool_calls": calls} if calls else {})
        whole = {**choice, "delta": delta}
        whole.pop("message", None)
        yield {**frame, "choices": [whole]}
    if completion.get("usage"):
        yield {**frame, "choices": [], "usage": completion["usage"]}


def _streamed(place: int, call: _Object) -> _Object:
    """Readers of streams find calls by their index, and put texts together."""
    function = call.get("function")
    if isinstance(function, dict) and isinstance(function.get("arguments"), dict):
        call = {**call, "function": {**function, "arguments": arguments_text(function["arguments"])}}
    return {**call, "index": place}


def completion_object(answer: bytes) -> _Object:
    """Raises BrokenStreamError."""
    try:
        completion = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise BrokenStreamError("the answer is no completion") from None
    return object_or_empty(completion)


def _replaced(before: Any, value: Any) -> Any:
    """Of what is said again beside the deltas: objects get more members, of lists the newest counts, else the first."""
    if isinstance(before, dict) and isinstance(value, dict):
        return {**before, **value}
    return value if isinstance(value, list) or not before else before


def _named(before: str, name: Any) -> str:
    """A name comes whole, is said again, or comes in pieces."""
    if not isinstance(name, str) or name == before:
        return before
    return name if name.startswith(before) else before + name


def _is_whole(arguments: str) -> bool:
    if not arguments.rstrip().endswith("}"):
        return False
    try:
        return isinstance(orjson.loads(arguments), dict)
    except orjson.JSONDecodeError:
        return False
