"""The message that the events of a stream in Anthropic's form add up to; the way back of `answer.events_of`."""

from collections.abc import Iterable
from typing import Any

import orjson

from shared.wire.reading.completions import list_or_empty, object_or_empty

_Object = dict[str, Any]
# Deltas that continue a text: which member of the delta continues which member of its block.
_CONTINUED = {
    "text_delta": ("text", "text"), "thinking_delta": ("thinking", "thinking"), "signature_delta": ("signature",) * 2,
}  # fmt: skip


def collected_message(events: Iterable[_Object]) -> bytes:
    """Raises nothing, whatever the events hold."""
    message: _Object = {"type": "message", "role": "assistant", "content": []}
    blocks: dict[Any, _Block] = {}
    for event in events:
        match event.get("type"):
            case "message_start":
                message |= object_or_empty(event.get("message"))
            case "content_block_start":
                blocks[str(event.get("index"))] = _Block(object_or_empty(event.get("content_block")))
            case "content_block_delta":
                if (block := blocks.get(str(event.get("index")))) is not None:
                    block.add(object_or_empty(event.get("delta")))
            case "message_delta":
                message |= object_or_empty(event.get("delta"))
                message["usage"] = object_or_empty(message.get("usage")) | object_or_empty(event.get("usage"))
    return orjson.dumps(message | {"content": [block.whole() for block in blocks.values()]})


class _Block:
    def __init__(self, begun: _Object) -> None:
        self._begun = begun
        self._texts: dict[str, list[str]] = {}
        self._input: list[str] = []
        self._citations: list[Any] = []

    def add(self, delta: _Object) -> None:
        kind = delta.get("type")
        if kind == "input_json_delta" and isinstance(part := delta.get("partial_json"), str):
            self._input.append(part)
        elif kind == "citations_delta":
            self._citations.append(delta.get("citation"))
        elif kind in _CONTINUED:
            said, grown = _CONTINUED[kind]
            if isinstance(text := delta.get(said), str):
                self._texts.setdefault(grown, []).append(text)

    def whole(self) -> _Object:
        whole = dict(self._begun)
        for name, pieces in self._texts.items():
            before = whole.get(name)
            whole[name] = (before if isinstance(before, str) else "") + "".join(pieces)
        if given := "".join(self._input):
            whole["input"] = _parsed(given)
        if self._citations:
            whole["citations"] = [*list_or_empty(whole.get("citations")), *self._citations]
        return whole


def _parsed(given: str) -> Any:
    try:
        return orjson.loads(given)
    except orjson.JSONDecodeError:  # a model may write what is no JSON; it is told as it is
        return given
