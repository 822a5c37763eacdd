"""Between streams and whole completions, both in the OpenAI wire format."""

from collections.abc import Iterator
from typing import Any

import orjson

from shared.wire.completions import list_or_empty, object_or_empty
from shared.wire.streams import BrokenStreamError, Chunk, choices_of, chunk_of, index_of

_Object = dict[str, Any]

# Where a delta names these again, it says the same: they are not continued.
_NAMES = ("role", "id", "type", "name", "index")


class Collected:
    """The completion that the chunks of a stream add up to. Raises nothing, whatever the chunks hold."""

    def __init__(self) -> None:
        self._first: _Object = {}
        self._usage: Any = None
        self._choices: dict[int, _Choice] = {}

    def add(self, body: _Object) -> None:
        """body: of a chunk."""
        if not self._first:
            self._first = {name: value for name, value in body.items() if name not in ("choices", "usage")}
        self._usage = body.get("usage") or self._usage
        for choice in choices_of(body):
            self._choices.setdefault(index_of(choice), _Choice()).add(choice)

    def completion(self) -> bytes:
        body = {**self._first, "object": "chat.completion"}
        body["choices"] = [{"index": index, **choice.whole()} for index, choice in sorted(self._choices.items())]
        if self._usage:
            body["usage"] = self._usage
        return orjson.dumps(body)


class _Choice:
    def __init__(self) -> None:
        self._message = _Growing()
        self._logprobs = _Growing()
        self._finish_reason: Any = None
        self._beside: _Growing = _Growing()  # what an endpoint says in its own words

    def add(self, choice: _Object) -> None:
        self._beside.add(object_or_empty(choice.get("provider_specific_fields")))
        self._message.add(object_or_empty(choice.get("delta")))
        self._logprobs.add(object_or_empty(choice.get("logprobs")))
        self._finish_reason = choice.get("finish_reason") or self._finish_reason

    def whole(self) -> _Object:
        logprobs = self._logprobs.whole() or None
        message = {"role": "assistant", "content": None, **self._message.whole()}
        beside = self._beside.whole()
        said = {"provider_specific_fields": beside} if beside else {}
        return {"message": message, "logprobs": logprobs, "finish_reason": self._finish_reason, **said}


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
                self._texts.setdefault(name, []).append(value)
            elif isinstance(value, dict):
                self._objects.setdefault(name, _Growing()).add(value)
            elif isinstance(value, list):
                self._extend(name, value)
            elif value is not None:
                self._values[name] = value

    def _extend(self, name: str, items: list[Any]) -> None:
        if items and all(isinstance(item, dict) and "index" in item for item in items):
            members = self._numbered.setdefault(name, {})
            for item in items:
                members.setdefault(index_of(item), _Growing()).add(item)
        else:
            self._values[name] = [*list_or_empty(self._values.get(name)), *items]

    def whole(self) -> _Object:
        whole: _Object = {name: value for name, value in self._values.items() if name != "index"}
        whole |= {name: "".join(pieces) for name, pieces in self._texts.items()}
        whole |= {name: growing.whole() for name, growing in self._objects.items()}
        whole |= {name: [by[n].whole() for n in sorted(by)] for name, by in self._numbered.items()}
        return whole


def chunks_of(answer: bytes) -> Iterator[Chunk]:
    """A whole completion as the chunks of a stream: each choice, and its usage. Raises BrokenStreamError.

    For an endpoint that answers whole where a stream was asked for, and for a stored answer that is asked for as a
    stream.
    """
    completion = _parsed(answer)
    frame = {name: value for name, value in completion.items() if name not in ("choices", "usage")}
    frame["object"] = "chat.completion.chunk"
    for choice in choices_of(completion):
        message = object_or_empty(choice.get("message"))
        calls = [
            {"index": n, **object_or_empty(call)} for n, call in enumerate(list_or_empty(message.get("tool_calls")))
        ]
        delta = message | ({"tool_calls": calls} if calls else {})
        whole = {**choice, "delta": delta}
        whole.pop("message", None)
        yield chunk_of({**frame, "choices": [whole]}, holds_content=True, ends=True)
    if completion.get("usage"):
        yield chunk_of({**frame, "choices": [], "usage": completion["usage"]})


def _parsed(answer: bytes) -> _Object:
    try:
        completion = orjson.loads(answer)
    except orjson.JSONDecodeError:
        raise BrokenStreamError("the answer is no completion") from None
    return object_or_empty(completion)
