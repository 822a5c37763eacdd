"""Tools that a chat offers, and which of them may be called, as Anthropic's format has it."""

import re
from collections.abc import Mapping
from typing import Any

from shared.wire.chat_by_messages.asked import Object, member, objects, text_of
from shared.wire.chat_by_messages.chat_fields import CHAT
from shared.wire.requests import UntranslatableError

_CHOICES = {"auto": "auto", "required": "any", "none": "none"}
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_OWN_TYPE = re.compile(r"[a-z_]+_20\d{6}")  # of a tool that Anthropic defines: web_search_20250305
_NO_PARAMETERS: Object = {"type": "object", "properties": {}}
_ASKS_NOTHING = (None, "auto", "none")


def tools_of(asked: Mapping[str, Any], called: set[str]) -> Object:
    """The fields `tools` and `tool_choice`. called: names of tools that the conversation has called already."""
    offered = [_tool(tool, at) for tool, at in objects(asked.get("tools"), "tools")]
    offered += [_function(function, at) for function, at in objects(asked.get("functions"), "functions")]
    choice = _choice(asked)
    if (allowed := _allowed(asked.get("tool_choice"))) is not None:
        offered = [tool for tool in offered if tool.get("name") in allowed]
    if asked.get("web_search_options") is not None:
        offered.append(_web_search(asked["web_search_options"]))
    if offered:
        return {"tools": offered} | _with_parallel(choice, asked.get("parallel_tool_calls"))
    if choice is not None and choice["type"] not in _ASKS_NOTHING:
        raise UntranslatableError("tool_choice", "asks for a tool, and there are none")
    # The endpoint wants to know tools that were called; the caller offers none any more, so that none may be called.
    known = [{"name": name, "input_schema": _NO_PARAMETERS} for name in sorted(called)]
    return {"tools": known, "tool_choice": {"type": "none"}} if known else {}


def _tool(tool: Object, at: str) -> Object:
    kind = tool.get("type")
    if "function" not in tool and ("input_schema" in tool or (isinstance(kind, str) and _OWN_TYPE.fullmatch(kind))):
        return tool
    return CHAT.same("tool", tool, at) | _function(member(tool, "function", at), f"{at}.function")


def _function(function: Object, at: str) -> Object:
    kept = CHAT.same("function", function, at)
    name = text_of(function, "name", at)
    if not _NAME.fullmatch(name):
        raise UntranslatableError(f"{at}.name", "must be 1 to 128 letters, digits, _ and - for an Anthropic endpoint")
    schema = function.get("parameters")
    if schema is not None and not isinstance(schema, dict):
        raise UntranslatableError(f"{at}.parameters", "must be an object")
    described = text_of(function, "description", at) if function.get("description") is not None else ""
    strict = {"strict": True} if function.get("strict") else {}
    typed = schema if schema and "type" in schema else {**_NO_PARAMETERS, **(schema or {})}
    return {"name": name, "description": described, "input_schema": typed, **strict, **kept}


def _choice(asked: Mapping[str, Any]) -> Object | None:
    choice = asked.get("tool_choice")
    if choice is None:
        return _first_form(asked.get("function_call"))
    if isinstance(choice, dict):
        CHAT.same("tool_choice", choice, "tool_choice")
        if "allowed_tools" in choice:
            mode = member(choice, "allowed_tools", "tool_choice").get("mode", "auto")
            return _named_mode(mode, "tool_choice.allowed_tools.mode")
        return _named(member(choice, "function", "tool_choice"), "tool_choice.function")
    return _named_mode(choice, "tool_choice")


def _first_form(choice: Any) -> Object | None:
    if choice is None:
        return None
    return _named(choice, "function_call") if isinstance(choice, dict) else _named_mode(choice, "function_call")


def _named(function: Object, at: str) -> Object:
    return {"type": "tool", "name": text_of(function, "name", at)}


def _named_mode(mode: Any, at: str) -> Object:
    if not isinstance(mode, str) or mode not in _CHOICES:
        raise UntranslatableError(at, "must be auto, required, none or a function")
    return {"type": _CHOICES[mode]}


def _allowed(choice: Any) -> set[str] | None:
    if not isinstance(choice, dict) or "allowed_tools" not in choice:
        return None
    at = "tool_choice.allowed_tools"
    allowed = member(choice, "allowed_tools", "tool_choice")
    CHAT.same("allowed_tools", allowed, at)
    tools = objects(allowed.get("tools"), f"{at}.tools")
    return {text_of(member(tool, "function", where), "name", f"{where}.function") for tool, where in tools}


def _with_parallel(choice: Object | None, parallel: Any) -> Object:
    if parallel is None or parallel is True or (choice is not None and choice["type"] == "none"):
        return {"tool_choice": choice} if choice is not None else {}
    if parallel is not False:
        raise UntranslatableError("parallel_tool_calls", "must be true or false")
    return {"tool_choice": {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}}


def _web_search(options: Any) -> Object:
    if not isinstance(options, dict):
        raise UntranslatableError("web_search_options", "must be an object")
    CHAT.same("web_search_options", options, "web_search_options")
    tool: Object = {"type": "web_search_20250305", "name": "web_search"}
    if options.get("user_location") is None:
        return tool
    location = member(options, "user_location", "web_search_options")
    near = member(location, "approximate", "web_search_options.user_location")
    return {**tool, "user_location": {**near, "type": "approximate"}}
