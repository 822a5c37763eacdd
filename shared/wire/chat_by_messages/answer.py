"""An answer in the Anthropic wire format, translated to a completion in the OpenAI one.

An endpoint wrote it: nothing of it is taken for well-formed. What the chat form has no field for stands in
`provider_specific_fields`, as other gateways have it.
"""

import time
from collections.abc import Iterable
from typing import Any

import orjson

from shared.wire.chat_by_messages.words import finish_reason
from shared.wire.reading.completions import Usage, list_or_empty, object_or_empty, openai_usage, text_or_none

Object = dict[str, Any]

# Why an answer ended, when a finish_reason of the chat form does not say it all.
_TOLD_BESIDE = frozenset({"model_context_window_exceeded", "pause_turn", "refusal", "stop_sequence"})
_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_MAX_WORD = 1000  # characters of a title, an address or an explanation


def completion_of(answer: Object, blocks: list[Object], usage: Usage) -> Object:
    choice = {"index": 0, "message": _message(answer, blocks), **ending(answer)}
    return {
        "id": text_or_none(answer.get("id")) or "",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": text_or_none(answer.get("model")) or "",
        "choices": [choice],
        "usage": openai_usage(usage),
    }


def ending(told: Object) -> Object:
    """Of a choice: why it ended. told: an answer, or the last words of a stream."""
    reason = told.get("stop_reason")
    ended: Object = {"finish_reason": finish_reason(reason)}
    if isinstance(reason, str) and reason in _TOLD_BESIDE:
        more = {name: told[name] for name in ("stop_sequence", "stop_details") if told.get(name) is not None}
        ended["provider_specific_fields"] = {"stop_reason": reason, **more}
    return ended


def refusal_of(told: Object) -> str | None:
    """The endpoint's own words, when it refused to go on."""
    return text_or_none(object_or_empty(told.get("stop_details")).get("explanation"), _MAX_WORD)


def is_the_endpoints(block: Object) -> bool:
    """Whether it is of a tool that the endpoint ran, or of a kind that is not known yet."""
    kind = block.get("type")
    return isinstance(kind, str) and kind not in ("text", "tool_use") and kind not in _THOUGHTS


def is_thought(block: Any) -> bool:
    kind = object_or_empty(block).get("type")
    return isinstance(kind, str) and kind in _THOUGHTS


def thought_of(block: Object) -> Object:
    """As the caller sends it back: with what proves it, and nothing else."""
    if block.get("type") == "thinking":
        return {
            "type": "thinking",
            "thinking": string_of(block, "thinking"),
            "signature": string_of(block, "signature"),
        }
    return {"type": "redacted_thinking", "data": string_of(block, "data")}


def tool_call(block: Object, place: int) -> Object:
    """place: among the calls of the answer."""
    arguments = orjson.dumps(block.get("input", {})).decode()
    return {
        "id": string_of(block, "id") or f"call_{place}",
        "type": "function",
        "function": {"name": string_of(block, "name"), "arguments": arguments},
    }


def annotations(citations: Iterable[Any], start: int, end: int) -> list[Object]:
    """Of pages that a text cites. start, end: where it stands in the content, in characters."""
    cited = [object_or_empty(citation) for citation in citations]
    return [
        {
            "type": "url_citation",
            "url_citation": {
                "start_index": start,
                "end_index": end,
                "title": text_or_none(citation.get("title"), _MAX_WORD) or "",
                "url": citation["url"],
            },
        }
        for citation in cited
        if isinstance(citation.get("url"), str)
    ]


def _message(answer: Object, blocks: list[Object]) -> Object:
    text, cited, citations = _text(blocks)
    called = [block for block in blocks if block.get("type") == "tool_use"]
    message: Object = {"role": "assistant", "content": text or (None if called else "")}
    if (refusal := refusal_of(answer)) is not None:
        message["refusal"] = refusal
    thoughts = [thought_of(block) for block in blocks if is_thought(block)]
    if thoughts:
        message["reasoning_content"] = "".join(thought.get("thinking", "") for thought in thoughts)
        message["thinking_blocks"] = thoughts
    if called:
        message["tool_calls"] = [tool_call(block, place) for place, block in enumerate(called)]
    if cited:
        message["annotations"] = cited
    theirs = [block for block in blocks if is_the_endpoints(block)]
    beside = {name: value for name, value in (("blocks", theirs), ("citations", citations)) if value}
    return message | ({"provider_specific_fields": beside} if beside else {})


def _text(blocks: list[Object]) -> tuple[str, list[Object], list[Any]]:
    """The text of all blocks, its annotations, and all citations as the endpoint has them."""
    texts: list[str] = []
    cited: list[Object] = []
    all_citations: list[Any] = []
    begins_at = 0
    for block in blocks:
        if block.get("type") == "text":
            texts.append(string_of(block, "text"))
            ends_at = begins_at + len(texts[-1])
            citations = list_or_empty(block.get("citations"))
            cited += annotations(citations, begins_at, ends_at)
            all_citations += citations
            begins_at = ends_at
    return "".join(texts), cited, all_citations


def string_of(holder: Object, name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
