"""The Anthropic wire format, translated from and to the OpenAI one.

What is read here was written by the caller or the endpoint: nothing of it is taken for well-formed.
"""

import time
from collections.abc import Mapping
from typing import Any

import orjson

from shared.operations import WireFormat
from shared.wire.anthropic_stream import AnthropicStream
from shared.wire.anthropic_words import finish_reason, usage_in_all
from shared.wire.completions import (
    MAX_CHOICES,
    Completion,
    NotACompletionError,
    Usage,
    object_or_empty,
    openai_usage,
    parsed_answer,
    read_completion,
    text_or_none,
)
from shared.wire.openai import FIELDS as OPENAI_FIELDS
from shared.wire.requests import UntranslatableError, with_defaults, written

_DEFAULT_MAX_TOKENS = 4096  # the format requires the field
_SAME_NAME = ("model", "temperature", "top_p", "stream")
# Both formats have these names and mean different things: only who configured the model can have meant this one.
_CONFIGURED_ONLY = ("metadata", "service_tier")
_SYSTEM_ROLES = frozenset({"system", "developer"})
_RESULT_ROLES = frozenset({"tool", "function"})
_TOOL_CHOICES = {"auto": "auto", "required": "any", "none": "none"}

_Object = dict[str, Any]


class ChatByMessages:
    """A chat that is asked in OpenAI's form, of an endpoint that speaks Anthropic's."""

    form: WireFormat = "openai"
    path = "/messages"

    def request(self, model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> bytes:
        asked = with_defaults(model, defaults, body)
        out = _configured(defaults, asked)
        out |= {name: asked[name] for name in _SAME_NAME if name in asked}
        out["max_tokens"] = asked.get("max_completion_tokens") or asked.get("max_tokens") or _DEFAULT_MAX_TOKENS
        out |= _user(asked) | _stop(asked.get("stop")) | _tools(asked)
        system, messages = _split_system(_objects(asked.get("messages"), "messages"))
        if system:
            out["system"] = system
        out["messages"] = _merged(messages)
        return written(out)

    def completion(self, answer: bytes) -> Completion:
        parsed = parsed_answer(answer)
        blocks = object_or_empty(parsed).get("content")
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise NotACompletionError("the JSON has no content")
        if len(blocks) > MAX_CHOICES:
            raise NotACompletionError(f"the JSON has more than {MAX_CHOICES} blocks of content")
        usage = usage_in_all(object_or_empty(parsed.get("usage")))
        try:
            body = _openai_completion(parsed, blocks, usage)
            translated = orjson.dumps(body)
        except TypeError:
            # It can be read deeper than it can be written.
            raise NotACompletionError("the JSON is nested too deeply") from None
        # OpenAI's format cannot express an unknown count, so the usage is not read from the translation.
        return Completion(translated, read_completion(body)._replace(usage=usage))

    def stream(self) -> AnthropicStream:
        return AnthropicStream()


def _configured(defaults: Mapping[str, Any], asked: _Object) -> _Object:
    """What a model is configured with beyond the OpenAI fields (top_k, thinking, ...), as it is; the caller's value
    comes before it."""
    own = {name: asked[name] for name in defaults if name not in OPENAI_FIELDS and name in asked}
    return own | {name: defaults[name] for name in _CONFIGURED_ONLY if name in defaults}


def _user(asked: _Object) -> _Object:
    """The end user's id. OpenAI's own `metadata` is for its records and is not sent on."""
    user = asked.get("safety_identifier") or asked.get("user")
    return {"metadata": {"user_id": user}} if user else {}


def _stop(stop: Any) -> _Object:
    if stop is None or stop == "" or stop == []:
        return {}
    sequences = [stop] if isinstance(stop, str) else stop
    if not isinstance(sequences, list) or not all(isinstance(sequence, str) for sequence in sequences):
        raise UntranslatableError("stop", "must be a string or a list of strings")
    return {"stop_sequences": sequences}


def _tools(asked: _Object) -> _Object:
    tools = _objects(asked.get("tools"), "tools")
    if not tools:
        return {}
    translated = [_tool(_member(tool, "function", f"tools[{n}]"), f"tools[{n}].function") for n, tool in tools]
    return {"tools": translated} | _tool_choice(asked.get("tool_choice"))


def _tool(function: _Object, at: str) -> _Object:
    schema = function.get("parameters")
    if schema is not None and not isinstance(schema, dict):
        raise UntranslatableError(f"{at}.parameters", "must be an object")
    return {
        "name": _text_of(function, "name", at),
        "description": _text_of(function, "description", at) if function.get("description") is not None else "",
        "input_schema": schema or {"type": "object", "properties": {}},
    }


def _tool_choice(choice: Any) -> _Object:
    if choice is None:
        return {}
    if isinstance(choice, dict):
        function = _member(choice, "function", "tool_choice")
        return {"tool_choice": {"type": "tool", "name": _text_of(function, "name", "tool_choice.function")}}
    if not isinstance(choice, str) or choice not in _TOOL_CHOICES:
        raise UntranslatableError("tool_choice", "must be auto, required, none or a function")
    return {"tool_choice": {"type": _TOOL_CHOICES[choice]}}


def _split_system(messages: list[tuple[int, _Object]]) -> tuple[str, list[_Object]]:
    system, others = [], []
    for n, message in messages:
        at = f"messages[{n}]"
        if _text_of(message, "role", at) in _SYSTEM_ROLES:
            system.append(_text(message.get("content"), f"{at}.content"))
        else:
            others.append(_translated(message, at))
    return "\n\n".join(filter(None, system)), others


def _translated(message: _Object, at: str) -> _Object:
    content = message.get("content")
    if message["role"] in _RESULT_ROLES:
        result = {
            "type": "tool_result",
            "tool_use_id": _text_of(message, "tool_call_id", at),
            "content": _text(content, f"{at}.content"),
        }
        return {"role": "user", "content": [result]}
    if calls := _objects(message.get("tool_calls"), f"{at}.tool_calls"):
        text = _text(content, f"{at}.content")
        blocks: list[_Object] = [{"type": "text", "text": text}] if text else []
        return {
            "role": "assistant",
            "content": blocks + [_tool_use(call, f"{at}.tool_calls[{n}]") for n, call in calls],
        }
    return {"role": message["role"], "content": _content(content, f"{at}.content")}


def _merged(messages: list[_Object]) -> list[_Object]:
    """Messages of one role in a row become one, since roles must alternate."""
    out: list[_Object] = []
    for message in messages:
        if out and out[-1]["role"] == message["role"]:
            out[-1] = {"role": message["role"], "content": _blocks(out[-1]) + _blocks(message)}
        else:
            out.append(message)
    return out


def _blocks(message: _Object) -> list[_Object]:
    content = message["content"]
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def _content(content: Any, at: str) -> str | list[_Object]:
    if isinstance(content, list):
        return [_part(part, f"{at}[{n}]") for n, part in _objects(content, at)]
    return _text(content, at)


def _part(part: _Object, at: str) -> _Object:
    if part.get("type") != "image_url":
        return {"type": "text", "text": _text_part(part, at)}
    url = _text_of(_member(part, "image_url", at), "url", f"{at}.image_url")
    if url.startswith("data:"):
        media_type, _, data = url.removeprefix("data:").partition(";base64,")
        return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}
    return {"type": "image", "source": {"type": "url", "url": url}}


def _text(content: Any, at: str) -> str:
    if isinstance(content, list):
        return "\n".join(_text_part(part, f"{at}[{n}]") for n, part in _objects(content, at))
    if content is not None and not isinstance(content, str):
        raise UntranslatableError(at, "must be a string or a list of parts")
    return content or ""


def _text_part(part: _Object, at: str) -> str:
    """Audio, files and what comes tomorrow have no translation; leaving them out would ask something else."""
    kind = part.get("type", "text")
    if kind not in ("text", "refusal"):
        raise UntranslatableError(f"{at}.type", "is a kind of content that cannot be sent in this place")
    return _text_of(part, kind, at)


def _tool_use(call: _Object, at: str) -> _Object:
    function = _member(call, "function", at)
    return {
        "type": "tool_use",
        "id": _text_of(call, "id", at),
        "name": _text_of(function, "name", f"{at}.function"),
        "input": _arguments(function.get("arguments"), f"{at}.function.arguments"),
    }


def _arguments(arguments: Any, at: str) -> _Object:
    """A model wrote them, so they may be broken; the conversation goes on without them."""
    if arguments is not None and not isinstance(arguments, str | dict):
        raise UntranslatableError(at, "must be a string that holds a JSON object")
    try:
        parsed = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    except orjson.JSONDecodeError:
        parsed = None
    return parsed if isinstance(parsed, dict) else {}


def _objects(value: Any, at: str) -> list[tuple[int, _Object]]:
    """The objects of a list, each with its place; none when there is no list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise UntranslatableError(at, "must be a list of objects")
    for n, item in enumerate(value):
        if not isinstance(item, dict):
            raise UntranslatableError(f"{at}[{n}]", "must be an object")
    return list(enumerate(value))


def _member(parent: _Object, name: str, at: str) -> _Object:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise UntranslatableError(f"{at}.{name}", "must be an object")
    return value


def _text_of(parent: _Object, name: str, at: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str):
        raise UntranslatableError(f"{at}.{name}", "must be a string")
    return value


def _openai_completion(parsed: _Object, blocks: list[_Object], usage: Usage) -> _Object:
    finish = finish_reason(parsed.get("stop_reason"))
    return {
        "id": text_or_none(parsed.get("id")) or "",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": text_or_none(parsed.get("model")),
        "choices": [{"index": 0, "message": _message(blocks), "finish_reason": finish}],
        "usage": openai_usage(usage),
    }


def _message(blocks: list[_Object]) -> _Object:
    texts = [block.get("text") for block in blocks if block.get("type") == "text"]
    text = "".join(text for text in texts if isinstance(text, str))
    calls = [_tool_call(block) for block in blocks if block.get("type") == "tool_use"]
    message: _Object = {"role": "assistant", "content": text or (None if calls else "")}
    return message | ({"tool_calls": calls} if calls else {})


def _tool_call(block: _Object) -> _Object:
    arguments = orjson.dumps(block.get("input", {})).decode()
    return {
        "id": block.get("id"),
        "type": "function",
        "function": {"name": block.get("name"), "arguments": arguments},
    }
