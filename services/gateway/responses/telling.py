"""Pure: what the chunks of a chat add up to as the output of a response, and the events that tell it as it grows."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, cast

from shared.wire.reading.completions import list_or_empty, object_or_empty, text_of, usage_read
from shared.wire.reading.streams import choices_of, index_of

_Object = dict[str, Any]
_Event = tuple[str, _Object]  # its type below `response.`, and what it holds

# Seals thinking blocks as the `encrypted_content` of a reasoning item.
SealThoughts = Callable[[list[Any]], str]

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


class Output:
    """Of one response. seed: of the ids of its items. summary: thoughts are told as a summary.

    `add` and `end` return the events; `items` are the output as far as it has come.
    """

    def __init__(self, seed: str, seal_thoughts: SealThoughts | None, *, summary: bool) -> None:
        self._seed = seed
        self._seal_thoughts = seal_thoughts
        self._summary = summary
        self._open: _Item | None = None
        self._calls: dict[int, _Call] = {}
        self._all: list[_Item] = []
        self.thoughts: list[_Object] = []  # blocks, as an endpoint takes them back
        self.model: str | None = None
        self.usage: _Object | None = None
        self.finish_reason: str | None = None

    @property
    def items(self) -> list[_Object]:
        return [item.whole() for item in self._all]

    @property
    def why_incomplete(self) -> str | None:
        return _INCOMPLETE.get(self.finish_reason or "")

    def add(self, chunk: Mapping[str, Any]) -> Iterator[_Event]:
        """chunk: in the OpenAI wire format; of its choices the first."""
        if isinstance(model := chunk.get("model"), str) and self.model is None:
            self.model = model
        if chunk.get("usage"):
            self.usage = _usage(chunk["usage"])
        for choice in choices_of(dict(chunk)):
            if index_of(choice) == 0:
                yield from self._grow(object_or_empty(choice.get("delta")), object_or_empty(choice.get("logprobs")))
                reason = choice.get("finish_reason")
                self.finish_reason = reason if isinstance(reason, str) else self.finish_reason

    def end(self) -> Iterator[_Event]:
        """Ends what is open. Thoughts that came without words are an item all the same."""
        if self.thoughts and not any(isinstance(item, _Thoughts) for item in self._all):
            yield from self._begin(_Thoughts(self._id("rs"), len(self._all), as_summary=self._summary))
        for item in self._all:
            if isinstance(item, _Thoughts) and self.thoughts and self._seal_thoughts is not None:
                item.sealed = self._seal_thoughts(self.thoughts)
            if not item.ended:
                yield from item.end()

    def _grow(self, delta: _Object, logprobs: _Object) -> Iterator[_Event]:
        for block in list_or_empty(delta.get("thinking_blocks")):
            self._thought(object_or_empty(block))
        if isinstance(thought := delta.get("reasoning_content") or delta.get("reasoning"), str) and thought:
            if not isinstance(self._open, _Thoughts):
                yield from self._begin(_Thoughts(self._id("rs"), len(self._all), as_summary=self._summary))
            yield from cast("_Thoughts", self._open).thinks(thought)
        for name in ("content", "refusal"):
            if text := text_of(delta.get(name)):
                if not isinstance(self._open, _Message):
                    yield from self._begin(_Message(self._id("msg"), len(self._all)))
                yield from cast("_Message", self._open).says(name, text, list_or_empty(logprobs.get("content")))
        if isinstance(self._open, _Message):
            self._open.annotated(list_or_empty(delta.get("annotations")))
        for call in list_or_empty(delta.get("tool_calls")):
            yield from self._called(object_or_empty(call))

    def _thought(self, block: _Object) -> None:
        """A block comes whole, or its text in pieces and its signature at last."""
        newest = self.thoughts[-1] if self.thoughts else {}
        if block.get("type") == newest.get("type") == "thinking" and not newest.get("signature"):
            newest["thinking"] = f"{newest.get('thinking') or ''}{block.get('thinking') or ''}"
            newest["signature"] = block.get("signature") or ""
        else:
            self.thoughts.append(dict(block))

    def _called(self, call: _Object) -> Iterator[_Event]:
        index, function = index_of(call), object_or_empty(call.get("function"))
        if index not in self._calls:
            item = self._calls[index] = _Call(self._id("fc"), len(self._all), call.get("id"), function.get("name"))
            yield from self._begin(item)
        if isinstance(arguments := function.get("arguments"), str) and arguments:
            yield from self._calls[index].goes_on(arguments)

    def _begin(self, item: "_Item") -> Iterator[_Event]:
        """After the end of a message; thoughts may be sealed at the end only, and calls are written side by side."""
        if isinstance(self._open, _Message):
            yield from self._open.end()
        self._open = item
        self._all.append(item)
        yield from item.begin()

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._seed}{len(self._all):02x}"


class _Item:
    """One item of the output."""

    def __init__(self, item_id: str, place: int) -> None:
        self._place = {"output_index": place}
        self._id = item_id
        self.ended = False

    def begin(self) -> Iterator[_Event]:
        yield "output_item.added", {**self._place, "item": {**self.whole(), "status": "in_progress"}}

    def end(self) -> Iterator[_Event]:
        self.ended = True
        yield "output_item.done", {**self._place, "item": self.whole()}

    def whole(self) -> _Object:
        raise NotImplementedError

    def _of_part(self, part: int, name: str = "content_index") -> _Object:
        return {"item_id": self._id, **self._place, name: part}


class _Thoughts(_Item):
    def __init__(self, item_id: str, place: int, *, as_summary: bool) -> None:
        super().__init__(item_id, place)
        self._as_summary = as_summary
        self._texts: list[str] = []
        self.sealed: str | None = None

    def thinks(self, text: str) -> Iterator[_Event]:
        part = self._at()
        if not self._texts:
            added = "reasoning_summary_part.added" if self._as_summary else "content_part.added"
            yield added, part | {"part": self._part("")}
        self._texts.append(text)
        yield f"{self._name}.delta", part | {"delta": text}

    def end(self) -> Iterator[_Event]:
        if self._texts:
            part, text = self._at(), "".join(self._texts)
            yield f"{self._name}.done", part | {"text": text}
            done = "reasoning_summary_part.done" if self._as_summary else "content_part.done"
            yield done, part | {"part": self._part(text)}
        yield from super().end()

    def whole(self) -> _Object:
        parts = [self._part("".join(self._texts))] if self._texts else []
        told: _Object = {"summary": parts} if self._as_summary else {"summary": [], "content": parts}
        sealed = {} if self.sealed is None else {"encrypted_content": self.sealed}
        return {"id": self._id, "type": "reasoning", **told, **sealed, "status": "completed"}

    @property
    def _name(self) -> str:
        return "reasoning_summary_text" if self._as_summary else "reasoning_text"

    def _at(self) -> _Object:
        return self._of_part(0, "summary_index" if self._as_summary else "content_index")

    def _part(self, text: str) -> _Object:
        return {"type": "summary_text" if self._as_summary else "reasoning_text", "text": text}


class _Message(_Item):
    def __init__(self, item_id: str, place: int) -> None:
        super().__init__(item_id, place)
        self._parts: list[_Object] = []

    def says(self, kind: str, text: str, logprobs: list[Any]) -> Iterator[_Event]:
        """kind: `content` or `refusal`."""
        if not self._parts or (kind == "refusal") != (self._parts[-1]["type"] == "refusal"):
            if self._parts:
                yield from self._end_part()
            new = {"type": "refusal", "refusal": ""} if kind == "refusal" else _text_part()
            self._parts.append(new)
            yield "content_part.added", self._at() | {"part": dict(new)}
        part = self._parts[-1]
        if kind == "refusal":
            part["refusal"] += text
            yield "refusal.delta", self._at() | {"delta": text}
        else:
            part["text"] += text
            part["logprobs"] += logprobs
            yield "output_text.delta", self._at() | {"delta": text, "logprobs": logprobs}

    def annotated(self, annotations: list[Any]) -> None:
        """A chat has them whole, with what they say below their type's name."""
        for annotation in map(object_or_empty, annotations):
            kind = annotation.get("type")
            if isinstance(kind, str) and self._parts and "annotations" in self._parts[-1]:
                self._parts[-1]["annotations"].append({"type": kind, **object_or_empty(annotation.get(kind))})

    def end(self) -> Iterator[_Event]:
        yield from self._end_part()
        yield from super().end()

    def whole(self) -> _Object:
        parts = [dict(part) for part in self._parts]
        return {"id": self._id, "type": "message", "role": "assistant", "content": parts, "status": "completed"}

    def _end_part(self) -> Iterator[_Event]:
        part = self._parts[-1]
        if part["type"] == "refusal":
            yield "refusal.done", self._at() | {"refusal": part["refusal"]}
        else:
            yield "output_text.done", self._at() | {"text": part["text"], "logprobs": part["logprobs"]}
        yield "content_part.done", self._at() | {"part": dict(part)}

    def _at(self) -> _Object:
        return self._of_part(len(self._parts) - 1)


class _Call(_Item):
    def __init__(self, item_id: str, place: int, call_id: Any, name: Any) -> None:
        super().__init__(item_id, place)
        self._call_id = call_id if isinstance(call_id, str) and call_id else item_id
        self._name = name if isinstance(name, str) else ""
        self._arguments: list[str] = []

    def goes_on(self, arguments: str) -> Iterator[_Event]:
        self._arguments.append(arguments)
        yield "function_call_arguments.delta", {"item_id": self._id, **self._place, "delta": arguments}

    def end(self) -> Iterator[_Event]:
        said = {"item_id": self._id, **self._place, "arguments": "".join(self._arguments), "name": self._name}
        yield "function_call_arguments.done", said
        yield from super().end()

    def whole(self) -> _Object:
        return {
            "id": self._id, "type": "function_call", "call_id": self._call_id, "name": self._name,
            "arguments": "".join(self._arguments), "status": "completed",
        }  # fmt: skip


def _text_part() -> _Object:
    return {"type": "output_text", "text": "", "annotations": [], "logprobs": []}


def _usage(usage: Any) -> _Object:
    read = usage_read(usage)
    thought = object_or_empty(object_or_empty(usage).get("completion_tokens_details")).get("reasoning_tokens")
    input_tokens, output_tokens = read.input_tokens or 0, read.output_tokens or 0
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {
            "cached_tokens": read.cache_read_tokens,
            "cache_write_tokens": read.cache_write_tokens,
        },
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": thought if isinstance(thought, int) else 0},
        "total_tokens": input_tokens + output_tokens,
    }


def numbered(events: Iterator[_Event], numbers: "count[int]") -> Iterator[_Object]:
    """As they are told."""
    for kind, said in events:
        yield {"type": f"response.{kind}", "sequence_number": next(numbers), **said}
