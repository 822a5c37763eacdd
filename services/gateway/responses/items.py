"""Pure: the items of a response's output, as they are told, and the events by which they grow."""

from collections.abc import Iterator
from typing import Any

from shared.wire.reading.completions import object_or_empty

_Object = dict[str, Any]
Event = tuple[str, _Object]  # its type below `response.`, and what it holds


class Item:
    """One item of the output."""

    def __init__(self, item_id: str, place: int) -> None:
        self._place = {"output_index": place}
        self._id = item_id
        self.ended = False

    def begin(self) -> Iterator[Event]:
        yield "output_item.added", {**self._place, "item": {**self.whole(), "status": "in_progress"}}

    def end(self) -> Iterator[Event]:
        self.ended = True
        yield "output_item.done", {**self._place, "item": self.whole()}

    def whole(self) -> _Object:
        raise NotImplementedError

    def _of_part(self, part: int, name: str = "content_index") -> _Object:
        return {"item_id": self._id, **self._place, name: part}


class Thoughts(Item):
    def __init__(self, item_id: str, place: int, words: str = "", *, as_summary: bool) -> None:
        super().__init__(item_id, place)
        self._as_summary = as_summary
        self._texts = [words] if words else []
        self.sealed: str | None = None

    def thinks(self, text: str) -> Iterator[Event]:
        part = self._at()
        if not self._texts:
            added = "reasoning_summary_part.added" if self._as_summary else "content_part.added"
            yield added, part | {"part": self._part("")}
        self._texts.append(text)
        yield f"{self._name}.delta", part | {"delta": text}

    def end(self) -> Iterator[Event]:
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


class Message(Item):
    def __init__(self, item_id: str, place: int) -> None:
        super().__init__(item_id, place)
        self._parts: list[_Object] = []

    def says(self, kind: str, text: str, logprobs: list[Any]) -> Iterator[Event]:
        """kind: `content` or `refusal`."""
        if not self._parts or (kind == "refusal") != (self._parts[-1]["type"] == "refusal"):
            if self._parts:
                yield from self._end_part()
            self.hold(kind, "", [])
            yield "content_part.added", self._at() | {"part": dict(self._parts[-1])}
        part = self._parts[-1]
        if kind == "refusal":
            part["refusal"] += text
            yield "refusal.delta", self._at() | {"delta": text}
        else:
            part["text"] += text
            part["logprobs"] += logprobs
            yield "output_text.delta", self._at() | {"delta": text, "logprobs": logprobs}

    def hold(self, kind: str, text: str, logprobs: list[Any]) -> None:
        """A part that is whole. kind: as in `says`."""
        if kind == "refusal":
            self._parts.append({"type": "refusal", "refusal": text})
        else:
            self._parts.append({"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs})

    @property
    def has_parts(self) -> bool:
        return bool(self._parts)

    def annotated(self, annotations: list[Any]) -> None:
        """A chat has them whole, with what they say below their type's name."""
        for annotation in map(object_or_empty, annotations):
            kind = annotation.get("type")
            if isinstance(kind, str) and self._parts and "annotations" in self._parts[-1]:
                self._parts[-1]["annotations"].append({"type": kind, **object_or_empty(annotation.get(kind))})

    def end(self) -> Iterator[Event]:
        yield from self._end_part()
        yield from super().end()

    def whole(self) -> _Object:
        parts = [dict(part) for part in self._parts]
        return {"id": self._id, "type": "message", "role": "assistant", "content": parts, "status": "completed"}

    def _end_part(self) -> Iterator[Event]:
        part = self._parts[-1]
        if part["type"] == "refusal":
            yield "refusal.done", self._at() | {"refusal": part["refusal"]}
        else:
            yield "output_text.done", self._at() | {"text": part["text"], "logprobs": part["logprobs"]}
        yield "content_part.done", self._at() | {"part": dict(part)}

    def _at(self) -> _Object:
        return self._of_part(len(self._parts) - 1)


class Call(Item):
    def __init__(self, item_id: str, place: int, call_id: Any, name: Any, arguments: str = "") -> None:
        super().__init__(item_id, place)
        self._call_id = call_id if isinstance(call_id, str) and call_id else item_id
        self._name = name if isinstance(name, str) else ""
        self._arguments = [arguments]

    def goes_on(self, arguments: str) -> Iterator[Event]:
        self._arguments.append(arguments)
        yield "function_call_arguments.delta", {"item_id": self._id, **self._place, "delta": arguments}

    def end(self) -> Iterator[Event]:
        said = {"item_id": self._id, **self._place, "arguments": "".join(self._arguments), "name": self._name}
        yield "function_call_arguments.done", said
        yield from super().end()

    def whole(self) -> _Object:
        return {
            "id": self._id, "type": "function_call", "call_id": self._call_id, "name": self._name,
            "arguments": "".join(self._arguments), "status": "completed",
        }  # fmt: skip
