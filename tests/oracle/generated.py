"""Chats and answers such as clients and endpoints send, drawn by chance."""

from random import Random
from typing import Any

import orjson

Object = dict[str, Any]

_TEXTS = ("hi", "what is it?", "  leading", "trailing \n", "é🙂", "")
_MODELS = ("claude-opus-5", "claude-sonnet-4-6", "claude-sonnet-4-5", "claude-3-7-sonnet-latest")
_IDS = ("toolu_01", "call_a-1", "functions.find:0", "call_0")
_SCHEMA = {"type": "object", "properties": {"a": {"type": "string", "minLength": 1}}, "required": ["a"]}
_IMAGE = "data:image/png;base64,iVBORw=="
_PDF = "data:application/pdf;base64,JVBERi0xLjc="


def request(draw: Random) -> Object:
    body: Object = {"model": draw.choice(_MODELS), "messages": _messages(draw)}
    for name, values in _FIELDS.items():
        if draw.random() < 0.15:
            body[name] = draw.choice(values)
    return body


def answer(draw: Random) -> Object:
    """A message, as the endpoint answers whole."""
    blocks = [_block(draw, n) for n in range(draw.randrange(4))]
    reason = draw.choice(
        [
            "end_turn",
            "max_tokens",
            "stop_sequence",
            "tool_use",
            "pause_turn",
            "refusal",
            "model_context_window_exceeded",
        ]
    )
    usage = {"input_tokens": draw.randrange(100), "output_tokens": draw.randrange(100)}
    if draw.random() < 0.5:
        usage |= {"cache_read_input_tokens": draw.randrange(9), "cache_creation_input_tokens": draw.randrange(9)}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": blocks,
        "stop_reason": reason,
        "stop_sequence": "END" if reason == "stop_sequence" else None,
        "usage": usage,
    }


def events(message: Object) -> list[Object]:
    """The same answer as a stream."""
    begun = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    told: list[Object] = [{"type": "message_start", "message": begun}]
    for index, block in enumerate(message["content"]):
        told += [{**event, "index": index} for event in _streamed(block)]
    delta = {name: message[name] for name in ("stop_reason", "stop_sequence")}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    return [*told, {"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


def _messages(draw: Random) -> list[Object]:
    messages = [{"role": "system", "content": draw.choice(_TEXTS)} for _ in range(draw.randrange(2))]
    for _ in range(draw.randrange(1, 4)):
        messages.append({"role": "user", "content": _content(draw)})
        if draw.random() < 0.6:
            messages += _calls(draw) if draw.random() < 0.5 else [{"role": "assistant", "content": draw.choice(_TEXTS)}]
    return messages


def _content(draw: Random) -> Any:
    if draw.random() < 0.6:
        return draw.choice(_TEXTS)
    parts: list[Object] = [
        {"type": "text", "text": draw.choice(_TEXTS)},
        {"type": "image_url", "image_url": {"url": draw.choice([_IMAGE, "https://h/cat.png"])}},
        {"type": "file", "file": {"file_data": _PDF, "filename": "a.pdf"}},
    ]
    return draw.sample(parts, draw.randrange(1, 4))


def _calls(draw: Random) -> list[Object]:
    ids = draw.sample(_IDS, draw.randrange(1, 3))
    arguments = draw.choice(['{"a": "b"}', "{}", "", "not json"])
    calls = [{"id": one, "type": "function", "function": {"name": "f", "arguments": arguments}} for one in ids]
    said = draw.choice([None, "", "let me see"])
    results = [{"role": "tool", "tool_call_id": one, "content": draw.choice(["ok", ""])} for one in ids]
    return [{"role": "assistant", "content": said, "tool_calls": calls}, *results]


_TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": _SCHEMA}}
_FIELDS: dict[str, list[Any]] = {
    "tools": [[_TOOL], [_TOOL, {"type": "function", "function": {"name": "g", "strict": True}}]],
    "tool_choice": ["auto", "none", "required", {"type": "function", "function": {"name": "f"}}],
    "parallel_tool_calls": [True, False],
    "temperature": [0, 0.5, 1, 1.5],
    "top_p": [0.5],
    "max_tokens": [1, 1500, 3000, 9000],
    "response_format": [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "n", "schema": _SCHEMA}},
    ],
    "stop": ["END", ["a", "b"], "\n"],
    "reasoning_effort": ["none", "minimal", "low", "medium", "high", "xhigh", "max"],
    "user": ["u-1"],
    "seed": [1],
    "n": [1, 2],
    "presence_penalty": [0, 1],
    "frequency_penalty": [0, 1],
    "logprobs": [False, True],
}


def _block(draw: Random, n: int) -> Object:
    return draw.choice(
        [
            {"type": "text", "text": draw.choice(_TEXTS)},
            {"type": "tool_use", "id": f"toolu_{n}", "name": "f", "input": draw.choice([{}, {"a": "b"}])},
            {"type": "thinking", "thinking": f"thought {n}", "signature": f"sig{n}"},
            {"type": "redacted_thinking", "data": "c2VjcmV0"},
        ]
    )


def _streamed(block: Object) -> list[Object]:
    match block["type"]:
        case "text":
            start, deltas = {**block, "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        case "thinking":
            start = {**block, "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        case "tool_use":
            start, written = {**block, "input": {}}, orjson.dumps(block["input"]).decode()
            deltas = [{"type": "input_json_delta", "partial_json": written}]
        case _:
            start, deltas = block, []
    return [
        {"type": "content_block_start", "content_block": start},
        *({"type": "content_block_delta", "delta": delta} for delta in deltas),
        {"type": "content_block_stop"},
    ]
