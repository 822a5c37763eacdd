"""A request in the shape of coding agents' that speak Anthropic's form, in the middle of a session."""

import base64
from typing import Any

Object = dict[str, Any]

QUERY = "?beta=true"
BETAS = "claude-code-20250219,interleaved-thinking-2025-05-14,fine-grained-tool-streaming-2025-05-14"
HEADERS = {"anthropic-version": "2023-06-01", "anthropic-beta": BETAS, "x-app": "cli", "user-agent": "an-agent/2.0"}
USER_ID = f"user_{'0a1b' * 16}_account__session_{'11112222-3333-4444-5555-666677778888'}".ljust(150, "x")
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256))).decode()
TOOLS = 40
CALLS = ("toolu_01AAAAAAAAAAAAAAAAAAAAAA", "toolu_01BBBBBBBBBBBBBBBBBBBBBB", "toolu_01CCCCCCCCCCCCCCCCCCCCCC")
LATER_CALL = "toolu_01DDDDDDDDDDDDDDDDDDDDDD"
_CACHED = {"cache_control": {"type": "ephemeral"}}


def agent_body(model: str) -> Object:
    return {
        "model": model,
        "messages": _messages(),
        "system": [
            _text("You are an agent that writes code."),
            _text("Rules — for paths such as C:\\src\n\tand \u2028 text.", **_CACHED),
            _text("The project's own instructions.", cache_control={"type": "ephemeral", "ttl": "1h"}),
        ],
        "tools": [*(_tool(n) for n in range(TOOLS - 1)), _tool(TOOLS - 1) | _CACHED],
        "tool_choice": {"type": "auto"},
        "metadata": {"user_id": USER_ID},
        "max_tokens": 32_000,
        "thinking": {"type": "enabled", "budget_tokens": 31_999},
        "context_management": {
            "edits": [{"type": "clear_thinking_20251015", "keep": {"type": "thinking_turns", "value": 3}}]
        },
        "temperature": 1,
        "stream": True,
    }


def _messages() -> list[Object]:
    return [
        _turn("user", _text("<system-reminder>\nof the agent\n</system-reminder>"), _text("why does it fail?")),
        _turn(
            "assistant",
            _thought("Three files at once.", "RXFRQkNrZ0lDaEFCR0FJaVFB"),
            {"type": "redacted_thinking", "data": "RW1rS0FoZ0JFZ3hW"},
            _text("I read them."),
            *(
                _call(call, n, {"file_path": f"/src/{n}.py", "limit": 10**n, "all": False})
                for n, call in enumerate(CALLS)
            ),
        ),
        _turn(
            "user",
            _result(CALLS[0], "1\tdef f(): ..."),
            _result(CALLS[1], [_text("a screenshot"), _picture()]),
            _result(CALLS[2], "no such file", is_error=True),
            _text("<system-reminder>\nof the results\n</system-reminder>"),
        ),
        _turn("assistant", _thought("Now a search.", "RXZnQkNrWUlDaEFC"), _call(LATER_CALL, 7, {})),
        _turn("user", _result(LATER_CALL, [_text("nothing found")], **_CACHED)),
    ]


def _turn(role: str, *blocks: Object) -> Object:
    return {"role": role, "content": list(blocks)}


def _text(text: str, **more: Any) -> Object:
    return {"type": "text", "text": text, **more}


def _thought(thinking: str, signature: str) -> Object:
    return {"type": "thinking", "thinking": thinking, "signature": signature}


def _call(call_id: str, tool: int, given: Object) -> Object:
    return {"type": "tool_use", "id": call_id, "name": _name(tool), "input": given}


def _result(call_id: str, content: Any, **more: Any) -> Object:
    return {"tool_use_id": call_id, "type": "tool_result", "content": content, **more}


def _picture() -> Object:
    return {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PICTURE}}


def _tool(n: int) -> Object:
    path = {"description": f"An absolute path of {n}", "type": "string"}
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "file_path": path,
            "limit": {"type": "integer", "exclusiveMinimum": 0, "maximum": 2**53 - 1},
            "edits": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        },
        "required": ["file_path"],
        "additionalProperties": False,
    }
    return {"name": _name(n), "description": f"Does what tool {n} does.", "input_schema": schema}


def _name(n: int) -> str:
    return f"mcp__files__Tool_{n}"
