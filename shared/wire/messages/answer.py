"""An answer in OpenAI's chat form as a message in Anthropic's, and a message as the events of a stream.

An endpoint wrote it: nothing of it is taken for well-formed.
"""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import orjson

from shared.wire.messages.words import SIGNATURE, ending, message_usage
from shared.wire.reading.completions import Usage, list_or_empty, object_or_empty, text_or_none
from shared.wire.reading.streams import BrokenStreamError, Chunk, choices_of, chunk_of, json_of
from shared.wire.reading.values import arguments_text

Object = dict[str, Any]

_THOUGHTS = ("reasoning_content", "reasoning", "thinking")


def message_of(completion: Object, usage: Usage) -> Object:
    choice = next(iter(choices_of(completion)), {})
    said = object_or_empty(choice.get("message"))
    thought, text = thought_and_text(said)
    calls = [tool_use(call) for call in calls_of(said)]
    content: list[Object] = []
    if thought:
        content.append({"type": "thinking", "thinking": thought, "signature": SIGNATURE})
    if text:
        content.append({"type": "text", "text": text})
    content += calls
    ended = ending(choice, calls=bool(calls), refuses=bool(said.get("refusal")))
    return frame(completion) | {"content": content, **ended, "usage": message_usage(usage)}


def frame(told: Object) -> Object:
    """A message without content, which has not ended. told: a completion or a chunk of one."""
    return {
        "id": text_or_none(told.get("id")) or message_id(),
        "type": "message",
        "role": "assistant",
        "model": text_or_none(told.get("model")) or "",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def message_id() -> str:
    return f"msg_{uuid4().hex}"


def call_id() -> str:
    return f"toolu_{uuid4().hex[:24]}"


def thought_and_text(said: Object) -> tuple[str, str]:
    """Of a message or a delta. Some endpoints answer in parts; a refusal is said to the caller like any text."""
    thought, content = _thought(said), said.get("content")
    text = content if isinstance(content, str) else ""
    if isinstance(content, list):
        parts = [object_or_empty(part) for part in content]
        thought += "".join(_text_of(part) for part in parts if part.get("type") == "thinking")
        text = "".join(_text_of(part) for part in parts if part.get("type") != "thinking")
    refusal = said.get("refusal")
    return thought, (text + refusal) if isinstance(refusal, str) else text


def calls_of(said: Object) -> list[Object]:
    """Of a message or a delta, also those of OpenAI's first form."""
    calls = [call for call in list_or_empty(said.get("tool_calls")) if isinstance(call, dict)]
    first = said.get("function_call")
    return [*calls, {"function": first}] if isinstance(first, dict) else calls


def tool_use(call: Object) -> Object:
    function = object_or_empty(call.get("function"))
    name = function.get("name")
    return {
        "type": "tool_use",
        "id": _id_of(call) or call_id(),
        "name": name if isinstance(name, str) else "",
        "input": _input(arguments_text(function.get("arguments"))),
    }


def events_of(answer: bytes) -> Iterator[Chunk]:
    """A whole message as the events of a stream. Raises BrokenStreamError."""
    try:
        message = object_or_empty(orjson.loads(answer))
    except orjson.JSONDecodeError:
        raise BrokenStreamError("the answer is no message") from None
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    yield chunk_of({"type": "message_start", "message": begun})
    blocks = [object_or_empty(block) for block in list_or_empty(message.get("content"))]
    for index, block in enumerate(blocks):
        yield from _block_events(index, block)
    ended = {name: message.get(name) for name in ("stop_reason", "stop_sequence", "stop_details") if name in message}
    usage = object_or_empty(message.get("usage"))
    yield chunk_of({"type": "message_delta", "delta": ended, "usage": usage}, ends=True)
    yield chunk_of({"type": "message_stop"}, ends=True)


def _block_events(index: int, block: Object) -> Iterator[Chunk]:
    begun, deltas = _told_in_parts(block)
    yield chunk_of({"type": "content_block_start", "index": index, "content_block": begun}, holds_content=True)
    for delta in deltas:
        yield chunk_of({"type": "content_block_delta", "index": index, "delta": delta}, holds_content=True)
    yield chunk_of({"type": "content_block_stop", "index": index})


def _told_in_parts(block: Object) -> tuple[Object, list[Object]]:
    """How a stream begins it, and the deltas by which it grows; of most kinds the whole block, and none."""
    match block.get("type"):
        case "text":
            cited = [{"type": "citations_delta", "citation": each} for each in list_or_empty(block.get("citations"))]
            begun = {name: value for name, value in block.items() if name != "citations"}
            return {**begun, "text": ""}, [{"type": "text_delta", "text": block.get("text") or ""}, *cited]
        case "thinking":
            thought = {"type": "thinking_delta", "thinking": block.get("thinking") or ""}
            signed = {"type": "signature_delta", "signature": block.get("signature") or ""}
            return {**block, "thinking": "", "signature": ""}, [thought, signed]
        case "tool_use" | "server_tool_use":
            given = json_of(block.get("input") or {}).decode()
            return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": given}]
    return block, []


def _thought(said: Object) -> str:
    """Some name it twice, for the readers of two vendors."""
    for name in _THOUGHTS:
        if isinstance(text := said.get(name), str) and text:
            return text
    return ""


def _id_of(call: Object) -> str:
    given = call.get("id")
    return given if isinstance(given, str) else ""


def _input(arguments: str) -> Object:
    """A model wrote them, so they may be broken: the caller gets what it wrote."""
    if not arguments.strip():
        return {}
    try:
        parsed = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {"invalid_arguments": arguments}


def _text_of(part: Object) -> str:
    """Of a part of content: Mistral's thoughts are parts of parts."""
    for name in ("text", "thinking", "refusal"):
        value = part.get(name)
        if isinstance(value, str):
            return value
        if isinstance(value, list):
            texts = [object_or_empty(inner).get("text") for inner in value]
            return "".join(text for text in texts if isinstance(text, str))
    return ""
