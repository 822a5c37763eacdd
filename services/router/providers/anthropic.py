"""The Anthropic wire format, translated from and to the OpenAI one."""

import time
from typing import Any

import orjson

from services.router.providers.wire import (
    Completion,
    NotACompletionError,
    text_or_none,
    whole_number,
    with_defaults,
)
from shared.registry import Model

_VERSION = "2023-06-01"
_DEFAULT_MAX_TOKENS = 4096  # the format requires the field
_SAME_NAME = ("model", "temperature", "top_p", "stream", "metadata")
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


class AnthropicWire:
    def headers(self, api_key: str | None) -> dict[str, str]:
        return {"anthropic-version": _VERSION} | ({"x-api-key": api_key} if api_key else {})

    def request(self, model: Model, body: dict[str, Any]) -> bytes:
        asked = with_defaults(model, body)
        out: dict[str, Any] = {name: asked[name] for name in _SAME_NAME if name in asked}
        out["max_tokens"] = asked.get("max_completion_tokens") or asked.get("max_tokens") or _DEFAULT_MAX_TOKENS
        if stop := asked.get("stop"):
            out["stop_sequences"] = [stop] if isinstance(stop, str) else stop
        if tools := asked.get("tools"):
            out["tools"] = [_tool(one["function"]) for one in tools if "function" in one]
            out |= _tool_choice(asked.get("tool_choice"))
        system, messages = _split_system(asked.get("messages", []))
        if system:
            out["system"] = system
        out["messages"] = _merged(messages)
        return orjson.dumps(out)

    def completion(self, answer: bytes) -> Completion:
        try:
            parsed = orjson.loads(answer)
        except orjson.JSONDecodeError:
            raise NotACompletionError("the body is not JSON") from None
        blocks = parsed.get("content") if isinstance(parsed, dict) else None
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise NotACompletionError("the JSON has no content")
        finish = _FINISH_REASONS.get(str(parsed.get("stop_reason")), "stop")
        usage = parsed.get("usage") if isinstance(parsed.get("usage"), dict) else {}
        input_tokens, output_tokens = (whole_number(usage.get(name)) for name in ("input_tokens", "output_tokens"))
        response_model = text_or_none(parsed.get("model"))
        body = {
            "id": str(parsed.get("id", "")),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": response_model,
            "choices": [{"index": 0, "message": _message(blocks), "finish_reason": finish}],
            "usage": {
                "prompt_tokens": input_tokens or 0,
                "completion_tokens": output_tokens or 0,
                "total_tokens": (input_tokens or 0) + (output_tokens or 0),
            },
        }
        return Completion(orjson.dumps(body), response_model, (finish,), input_tokens, output_tokens)


def _split_system(messages: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    system = [_text(one.get("content")) for one in messages if one.get("role") in {"system", "developer"}]
    others = [_translated(one) for one in messages if one.get("role") not in {"system", "developer"}]
    return "\n\n".join(filter(None, system)), others


def _translated(message: dict[str, Any]) -> dict[str, Any]:
    if message.get("role") in {"tool", "function"}:
        result = {
            "type": "tool_result",
            "tool_use_id": str(message.get("tool_call_id", "")),
            "content": _text(message.get("content")),
        }
        return {"role": "user", "content": [result]}
    if calls := message.get("tool_calls"):
        text = _text(message.get("content"))
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        return {"role": "assistant", "content": blocks + [_tool_use(call) for call in calls]}
    return {"role": message.get("role"), "content": _content(message.get("content"))}


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages of one role in a row become one, since roles must alternate."""
    out: list[dict[str, Any]] = []
    for message in messages:
        if out and out[-1]["role"] == message["role"]:
            out[-1] = {"role": message["role"], "content": _blocks(out[-1]) + _blocks(message)}
        else:
            out.append(message)
    return out


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _content(content: Any) -> str | list[dict[str, Any]]:
    if not isinstance(content, list):
        return str(content or "")
    return [_part(part) for part in content]


def _part(part: dict[str, Any]) -> dict[str, Any]:
    if part.get("type") != "image_url":
        return {"type": "text", "text": str(part.get("text", ""))}
    url = str((part.get("image_url") or {}).get("url", ""))
    if url.startswith("data:"):
        media_type, _, data = url.removeprefix("data:").partition(";base64,")
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    return {"type": "image", "source": {"type": "url", "url": url}}


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _tool(function: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": function.get("name"),
        "description": function.get("description", ""),
        "input_schema": function.get("parameters") or {"type": "object", "properties": {}},
    }


def _tool_choice(choice: Any) -> dict[str, Any]:
    if isinstance(choice, dict):
        return {"tool_choice": {"type": "tool", "name": choice.get("function", {}).get("name")}}
    known = {"auto": "auto", "required": "any", "none": "none"}
    return {"tool_choice": {"type": known[choice]}} if choice in known else {}


def _tool_use(call: dict[str, Any]) -> dict[str, Any]:
    function = call.get("function", {})
    try:
        arguments = orjson.loads(function.get("arguments") or "{}")
    except orjson.JSONDecodeError:
        arguments = {}
    return {"type": "tool_use", "id": call.get("id"), "name": function.get("name"), "input": arguments}


def _message(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    text = "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
    calls = [
        {
            "id": block.get("id"),
            "type": "function",
            "function": {
                "name": block.get("name"),
                "arguments": orjson.dumps(block.get("input", {})).decode(),
            },
        }
        for block in blocks
        if block.get("type") == "tool_use"
    ]
    message: dict[str, Any] = {"role": "assistant", "content": text or (None if calls else "")}
    return message | ({"tool_calls": calls} if calls else {})
