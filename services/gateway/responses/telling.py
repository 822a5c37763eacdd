"""Pure: what the chunks of a chat add up to as the output of a response, and the events that tell it as it grows."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count
from typing import Any, cast

from services.gateway.responses.items import Call, Event, Item, Message, Thoughts
from shared.wire.reading.completions import list_or_empty, object_or_empty, said_in, text_of, usage_read
from shared.wire.reading.streams import choices_of, index_of
from shared.wire.reading.values import arguments_text

_Object = dict[str, Any]

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
        self._open: Item | None = None
        self._calls: dict[int, Call] = {}
        self._all: list[Item] = []
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

    def add(self, chunk: Mapping[str, Any]) -> Iterator[Event]:
        """chunk: in the OpenAI wire format; of its choices the first."""
        for choice in self._heard(chunk):
            yield from self._grow(object_or_empty(choice.get("delta")), object_or_empty(choice.get("logprobs")))

    def end(self) -> Iterator[Event]:
        """Ends what is open."""
        if self._has_wordless_thoughts:
            yield from self._begin(self._new_thoughts())
        self._seal()
        for item in self._all:
            if not item.ended:
                yield from item.end()

    def add_whole(self, completion: Mapping[str, Any]) -> None:
        """In place of `add` and `end`, of an answer that came at once: there is nobody whom its growing is told."""
        for choice in self._heard(completion)[:1]:
            self._hold(said_in(choice), object_or_empty(choice.get("logprobs")))
        if self._has_wordless_thoughts:
            self._all.append(self._new_thoughts())
        self._seal()

    def _heard(self, told: Mapping[str, Any]) -> list[_Object]:
        """What is said beside the answer; the first choice, which may be said more than once."""
        if isinstance(model := told.get("model"), str) and self.model is None:
            self.model = model
        if told.get("usage"):
            self.usage = _usage(told["usage"])
        choices = [choice for choice in choices_of(told) if index_of(choice) == 0]
        for choice in choices:
            reason = choice.get("finish_reason")
            self.finish_reason = reason if isinstance(reason, str) else self.finish_reason
        return choices

    @property
    def _has_wordless_thoughts(self) -> bool:
        """Thoughts that came without words are an item all the same."""
        return bool(self.thoughts) and not any(isinstance(item, Thoughts) for item in self._all)

    def _seal(self) -> None:
        if self.thoughts and self._seal_thoughts is not None:
            for item in self._all:
                if isinstance(item, Thoughts):
                    item.sealed = self._seal_thoughts(self.thoughts)

    def _hold(self, message: _Object, logprobs: _Object) -> None:
        """The items of a message that is whole, as `_grow` makes them."""
        for block in list_or_empty(message.get("thinking_blocks")):
            self._thought(object_or_empty(block))
        if thought := _words_thought(message):
            self._all.append(self._new_thoughts(thought))
        said = Message(self._id("msg"), len(self._all))
        for name in ("content", "refusal"):
            if text := text_of(message.get(name)):
                said.hold(name, text, list_or_empty(logprobs.get("content")))
        if said.has_parts:
            said.annotated(list_or_empty(message.get("annotations")))
            self._all.append(said)
        for call in map(object_or_empty, list_or_empty(message.get("tool_calls"))):
            function = object_or_empty(call.get("function"))
            self._all.append(self._new_call(call, arguments_text(function.get("arguments"))))

    def _grow(self, delta: _Object, logprobs: _Object) -> Iterator[Event]:
        for block in list_or_empty(delta.get("thinking_blocks")):
            self._thought(object_or_empty(block))
        if thought := _words_thought(delta):
            if not isinstance(self._open, Thoughts):
                yield from self._begin(self._new_thoughts())
            yield from cast("Thoughts", self._open).thinks(thought)
        for name in ("content", "refusal"):
            if text := text_of(delta.get(name)):
                if not isinstance(self._open, Message):
                    yield from self._begin(Message(self._id("msg"), len(self._all)))
                yield from cast("Message", self._open).says(name, text, list_or_empty(logprobs.get("content")))
        if isinstance(self._open, Message):
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

    def _called(self, call: _Object) -> Iterator[Event]:
        index, function = index_of(call), object_or_empty(call.get("function"))
        if index not in self._calls:
            item = self._calls[index] = self._new_call(call)
            yield from self._begin(item)
        if isinstance(arguments := function.get("arguments"), str) and arguments:
            yield from self._calls[index].goes_on(arguments)

    def _begin(self, item: "Item") -> Iterator[Event]:
        """After the end of a message; thoughts may be sealed at the end only, and calls are written side by side."""
        if isinstance(self._open, Message):
            yield from self._open.end()
        self._open = item
        self._all.append(item)
        yield from item.begin()

    def _new_thoughts(self, words: str = "") -> Thoughts:
        return Thoughts(self._id("rs"), len(self._all), words, as_summary=self._summary)

    def _new_call(self, call: _Object, arguments: str = "") -> Call:
        name = object_or_empty(call.get("function")).get("name")
        return Call(self._id("fc"), len(self._all), call.get("id"), name, arguments)

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._seed}{len(self._all):02x}"


def _words_thought(said: _Object) -> str:
    """Of a message or a delta."""
    thought = said.get("reasoning_content") or said.get("reasoning")
    return thought if isinstance(thought, str) else ""


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


def numbered(events: Iterator[Event], numbers: "count[int]") -> Iterator[_Object]:
    """As they are told."""
    for kind, said in events:
        yield {"type": f"response.{kind}", "sequence_number": next(numbers), **said}
