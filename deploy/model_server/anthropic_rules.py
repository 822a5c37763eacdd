"""What Anthropic refuses of a body, in its words: the rules on which translations from other formats founder."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_FIELDS = frozenset(
    {
        "cache_control", "container", "context_management", "diagnostics", "inference_geo", "max_tokens", "mcp_servers",
        "messages", "metadata", "model", "output_config", "service_tier", "speed", "stop_sequences", "stream", "system",
        "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p", "user_profile_id", "workspace_id",
    }
)  # fmt: skip
_BLOCK_FIELDS = {
    "text": {"type", "text", "cache_control", "citations"},
    "image": {"type", "source", "cache_control", "transformations"},
    "tool_use": {"type", "id", "name", "input", "cache_control", "caller"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
}
_ID = re.compile(r"[a-zA-Z0-9_-]+")
_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
_LEAST_BUDGET = 1024
_PERMITTED = "Extra inputs are not permitted"
_WITHOUT_RESULT = "`tool_use` ids were found without `tool_result` blocks immediately after"

_Object = Mapping[str, Any]


def broken_rule(body: _Object) -> str | None:
    """The first rule that a body breaks. It has `messages`, a list, and `max_tokens`, a number."""
    return next(_broken(body), None)


def _broken(body: _Object) -> Iterator[str]:
    yield from (f"{name}: {_PERMITTED}" for name in body if name not in _FIELDS)
    yield from _numbers(body)
    yield from (
        "stop_sequences: each stop sequence must contain non-whitespace"
        for sequence in _list(body.get("stop_sequences"))
        if not str(sequence).strip()
    )
    yield from _tools(_list(body.get("tools")))
    turns = [(_role(turn), _blocks(turn)) for turn in body["messages"]]
    yield from _turns(turns)
    yield from _texts(turns)
    yield from _calls(turns)
    if not body.get("tools") and any(_of(blocks, "tool_use") for _, blocks in turns):
        yield "Requests which include `tool_use` or `tool_result` blocks must define tools."


def _numbers(body: _Object) -> Iterator[str]:
    temperature, limit = body.get("temperature"), body["max_tokens"]
    if isinstance(temperature, int | float) and not 0 <= temperature <= 1:
        yield "temperature: Input should be less than or equal to 1"
    if limit < 0:
        yield "max_tokens: Input should be greater than or equal to 0"
    budget = _object(body.get("thinking")).get("budget_tokens")
    if isinstance(budget, int) and budget < _LEAST_BUDGET:
        yield f"thinking.enabled.budget_tokens: Input should be greater than or equal to {_LEAST_BUDGET}"
    if isinstance(budget, int) and budget >= limit:
        yield "`max_tokens` must be greater than `thinking.budget_tokens`."


def _tools(tools: list[Any]) -> Iterator[str]:
    for n, tool in enumerate(map(_object, tools)):
        if "input_schema" not in tool:
            continue  # Anthropic's own
        if not _NAME.fullmatch(str(tool.get("name"))):
            yield f"tools.{n}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if _object(tool["input_schema"]).get("type") != "object":
            yield f"tools.{n}.custom.input_schema.type: Input should be 'object'"


def _turns(turns: list[tuple[str, list[_Object]]]) -> Iterator[str]:
    if turns[0][0] != "user":
        yield 'messages: first message must use the "user" role'
    for n, (role, blocks) in enumerate(turns):
        if role not in ("user", "assistant"):
            yield f"messages.{n}.role: Input should be 'user' or 'assistant'"
        if n and turns[n - 1][0] == role:
            yield f'messages: roles must alternate between "user" and "assistant", but found multiple "{role}" roles'
        if not blocks:
            yield f"messages.{n}: all messages must have non-empty content"
        for k, block in enumerate(blocks):
            known = _BLOCK_FIELDS.get(str(block.get("type")), block.keys())
            yield from (f"messages.{n}.content.{k}.{name}: {_PERMITTED}" for name in block if name not in known)


def _texts(turns: list[tuple[str, list[_Object]]]) -> Iterator[str]:
    texts = [str(block.get("text")) for _, blocks in turns for block in _of(blocks, "text")]
    if "" in texts:
        yield "messages: text content blocks must be non-empty"
    if not all(text.strip() for text in texts):
        yield "messages: text content blocks must contain non-whitespace text"
    role, last = turns[-1]
    if role == "assistant" and last:
        text = str(last[-1].get("text", ""))
        if text != text.rstrip():
            yield "messages: final assistant content cannot end with trailing whitespace"
        if last[-1].get("type") in ("thinking", "redacted_thinking"):
            yield "messages: The final block in an assistant message cannot be `thinking`."


def _calls(turns: list[tuple[str, list[_Object]]]) -> Iterator[str]:
    seen: set[str] = set()
    waiting: list[str] = []
    for n, (_, blocks) in enumerate(turns):
        results = _of(blocks, "tool_result")
        answered = [str(block.get("tool_use_id")) for block in results]
        missing = [call for call in waiting if call not in answered]
        if missing:
            yield f"messages.{n - 1}: {_WITHOUT_RESULT}: {', '.join(missing)}"
        if sorted(answered) != sorted(waiting):
            yield f"messages.{n}: unexpected `tool_use_id` found in `tool_result` blocks"
        if blocks[: len(results)] != results:
            yield f"messages.{n}: `tool_result` blocks must stand before other content"
        waiting = [str(block.get("id")) for block in _of(blocks, "tool_use")]
        if not all(map(_ID.fullmatch, waiting)):
            yield f"messages.{n}.content.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if not all(_NAME.fullmatch(str(block.get("name"))) for block in _of(blocks, "tool_use")):
            yield f"messages.{n}.content.tool_use.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        if len({*waiting}) != len(waiting) or not seen.isdisjoint(waiting):
            yield "messages: `tool_use` ids must be unique"
        seen |= {*waiting}
    if waiting:
        yield f"messages.{len(turns) - 1}: {_WITHOUT_RESULT}: {', '.join(waiting)}"


def _role(turn: object) -> str:
    return str(_object(turn).get("role"))


def _blocks(turn: object) -> list[_Object]:
    content = _object(turn).get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else [*map(_object, _list(content))]


def _of(blocks: list[_Object], kind: str) -> list[_Object]:
    return [block for block in blocks if block.get("type") == kind]


def _object(value: object) -> _Object:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
