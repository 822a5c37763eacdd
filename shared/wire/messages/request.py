"""A body of Anthropic's messages as a request to an endpoint that speaks OpenAI's chat form. What becomes of each field
stands in `message_fields.py`."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from shared.wire.chat_by_messages.asked import Object, member, objects, text_of
from shared.wire.messages.content import of_assistant, of_user, system_text
from shared.wire.messages.message_fields import MESSAGES
from shared.wire.reading.completions import object_or_empty
from shared.wire.requests import OWN_FIELDS, UntranslatableError, with_defaults, written

# Models of OpenAI's that think: they refuse `max_tokens`, and other servers do not all know the newer name.
_COMPLETION_TOKENS = re.compile(r"(?:^|/)(?:o[1-9]|gpt-(?:[5-9]|\d\d))")
_MAX_USER = 64  # characters that OpenAI takes
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "xhigh"}
_THINKING = ("enabled", "adaptive", "disabled")
_LITTLE, _SOME = 4096, 16_384  # tokens of thoughts
_CLEARS_THOUGHTS = "clear_thinking_"


def chat_body(model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> Object:
    """Raises UntranslatableError."""
    asked = {name: value for name, value in body.items() if name not in OWN_FIELDS and value is not None}
    out = MESSAGES.same("body", asked)
    out |= _limit(model, asked) | _stop(asked) | _user(asked) | _tools(asked) | _output(asked)
    if asked.get("service_tier") == "standard_only":
        out["service_tier"] = "default"
    _check_context(asked)
    if asked.get("stream") is True:
        out["stream_options"] = {"include_usage": True}
    out["messages"] = _messages(asked)
    return with_defaults(model, defaults, out)


def _messages(asked: Object) -> list[Object]:
    messages: list[Object] = []
    if system := system_text(asked.get("system"), "system"):
        messages.append({"role": "system", "content": system})
    for message, at in objects(asked.get("messages"), "messages"):
        MESSAGES.same("message", message, at)
        content, where = message.get("content"), f"{at}.content"
        match text_of(message, "role", at):
            case "user":
                messages += of_user(content, where)
            case "assistant":
                messages.append(of_assistant(content, where))
            case "system":
                messages.append({"role": "system", "content": system_text(content, where)})
            case _:
                raise UntranslatableError(f"{at}.role", "must be user, assistant or system")
    if messages and messages[-1]["role"] == "assistant":
        raise UntranslatableError(
            "messages", "must not end with the assistant's turn, which no chat endpoint goes on with"
        )
    return messages


def _limit(model: str, asked: Object) -> Object:
    most = asked.get("max_tokens")
    if most is None:
        return {}
    if most == 0:
        raise UntranslatableError(
            "max_tokens", "must be at least 1 for a chat endpoint, which has no cache to be filled"
        )
    return {"max_completion_tokens" if _COMPLETION_TOKENS.search(model) else "max_tokens": most}


def _stop(asked: Object) -> Object:
    sequences = asked.get("stop_sequences")
    if sequences is not None and not (
        isinstance(sequences, list) and all(isinstance(sequence, str) for sequence in sequences)
    ):
        raise UntranslatableError("stop_sequences", "must be a list of strings")
    return {"stop": sequences} if sequences else {}


def _user(asked: Object) -> Object:
    """Agents send long ids, of which OpenAI would refuse all that are not like its own."""
    metadata = asked.get("metadata")
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        raise UntranslatableError("metadata", "must be an object")
    MESSAGES.same("metadata", metadata, "metadata")
    if metadata.get("user_id") is None:
        return {}
    user = text_of(metadata, "user_id", "metadata")
    is_long = len(user) > _MAX_USER
    return {"user": hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest() if is_long else user}


def _tools(asked: Object) -> Object:
    tools = [_tool(tool, at) for tool, at in objects(asked.get("tools"), "tools")]
    out: Object = {"tools": tools} if tools else {}
    if asked.get("tool_choice") is None:
        return out
    choice = member(asked, "tool_choice", "")
    MESSAGES.same("tool_choice", choice, "tool_choice")
    kind = text_of(choice, "type", "tool_choice")
    if kind == "tool":
        out["tool_choice"] = {"type": "function", "function": {"name": text_of(choice, "name", "tool_choice")}}
    elif kind in _CHOICES:
        out["tool_choice"] = _CHOICES[kind]
    else:
        raise UntranslatableError("tool_choice.type", "must be auto, any, tool or none")
    if choice.get("disable_parallel_tool_use") is True:
        out["parallel_tool_calls"] = False
    return out


def _tool(tool: Object, at: str) -> Object:
    if tool.get("type") not in (None, "custom"):
        raise UntranslatableError(f"{at}.type", "is a tool that Anthropic defines, which a chat endpoint does not have")
    MESSAGES.same("tool", tool, at)
    function: Object = {"name": text_of(tool, "name", at), "parameters": member(tool, "input_schema", at)}
    described = text_of(tool, "description", at) if tool.get("description") is not None else ""
    examples = [written(example).decode() for example, _ in objects(tool.get("input_examples"), f"{at}.input_examples")]
    if examples:
        described = "\n".join(filter(None, (described, "Examples of its input:", *examples)))
    if described:
        function["description"] = described
    if tool.get("strict") is not None:
        function["strict"] = tool["strict"]
    return {"type": "function", "function": function}


def _output(asked: Object) -> Object:
    """What the answer is to look like, and how much the model is to think."""
    config = object_or_empty(asked.get("output_config"))
    MESSAGES.same("output_config", config, "output_config")
    out = _format(config.get("format"), "output_config.format") or _format(asked.get("output_format"), "output_format")
    effort = config.get("effort")
    if effort is not None:
        if not isinstance(effort, str) or effort not in _EFFORTS:
            raise UntranslatableError("output_config.effort", f"must be one of {', '.join(_EFFORTS)}")
        return out | {"reasoning_effort": _EFFORTS[effort]}
    return out | _thinking(asked.get("thinking"))


def _format(asked: Any, at: str) -> Object:
    if asked is None:
        return {}
    if not isinstance(asked, dict) or asked.get("type") != "json_schema":
        raise UntranslatableError(at, "must be a json_schema")
    MESSAGES.same("format", asked, at)
    schema = {"name": "answer", "schema": member(asked, "schema", at), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _thinking(thinking: Any) -> Object:
    if thinking is None:
        return {}
    if not isinstance(thinking, dict) or thinking.get("type") not in _THINKING:
        raise UntranslatableError("thinking.type", f"must be one of {', '.join(_THINKING)} for a chat endpoint")
    MESSAGES.same("thinking config", thinking, "thinking")
    budget = thinking.get("budget_tokens")
    if thinking["type"] != "enabled" or not isinstance(budget, int):
        return {}
    return {"reasoning_effort": "low" if budget <= _LITTLE else "medium" if budget <= _SOME else "high"}


def _check_context(asked: Object) -> None:
    """Of thoughts nothing is sent that could be cleared, except within a turn, where nothing is to be."""
    management = asked.get("context_management")
    if management is None:
        return
    if not isinstance(management, dict) or management.keys() - {"edits"}:
        raise UntranslatableError("context_management", "must hold nothing but edits for a chat endpoint")
    for edit, at in objects(management.get("edits"), "context_management.edits"):
        if not text_of(edit, "type", at).startswith(_CLEARS_THOUGHTS):
            raise UntranslatableError(f"{at}.type", "is an edit that only Anthropic makes")
