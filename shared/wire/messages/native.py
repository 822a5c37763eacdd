"""A body of Anthropic's messages for an endpoint that speaks them.

It passes as it is, but for what another model left in the conversation and Anthropic's would refuse: thoughts that are
not its own, and ids of calls that are no ids there.
"""

from collections.abc import Mapping
from typing import Any

from shared.wire.chat_by_messages.request import request_body
from shared.wire.chat_by_messages.tool_ids import ToolIds
from shared.wire.messages.words import SIGNATURE
from shared.wire.requests import with_defaults

_Object = dict[str, Any]

_COUNTED = ("system", "thinking", "tools", "tool_choice", "output_config")
_ANY_MESSAGE = {"role": "user", "content": "any"}


def messages_body(model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> _Object:
    """Raises UntranslatableError for defaults that the endpoint cannot have."""
    asked = with_defaults(model, _in_the_form(model, defaults, body), body)
    messages = asked.get("messages")
    if isinstance(messages, list):
        asked["messages"] = _mended(messages)
    return asked


def counted_body(model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> _Object:
    """As `messages_body`, to have its tokens counted: of what the model is configured with, what has some."""
    configured = _in_the_form(model, defaults, {**body, "max_tokens": 1}) if defaults else {}
    asked = with_defaults(model, {name: configured[name] for name in _COUNTED if name in configured}, body)
    messages = asked.get("messages")
    if isinstance(messages, list):
        asked["messages"] = _mended(messages)
    return asked


def _in_the_form(model: str, defaults: Mapping[str, Any], body: Mapping[str, Any]) -> _Object:
    """What a model is configured with is in OpenAI's words, where those have one for it."""
    if not defaults and "max_tokens" in body:
        return {}
    configured = request_body(model, defaults, {"messages": [_ANY_MESSAGE]})
    return {name: value for name, value in configured.items() if name not in ("messages", "model")}


def _mended(messages: list[Any]) -> list[Any]:
    ids = ToolIds()
    mended: list[Any] = []
    for message in messages:
        content = message.get("content") if isinstance(message, dict) else None
        if not isinstance(content, list):
            mended.append(message)
            continue
        blocks = [_block(block, ids) for block in content if not _is_foreign_thought(block)]
        if blocks or not content:
            is_same = len(blocks) == len(content) and all(map(_is, blocks, content))
            mended.append(message if is_same else {**message, "content": blocks})
    return mended


def _is_foreign_thought(block: Any) -> bool:
    return isinstance(block, dict) and block.get("type") == "thinking" and block.get("signature") == SIGNATURE


def _block(block: Any, ids: ToolIds) -> Any:
    """Itself, unless its id must be another one."""
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "tool_use" and isinstance(given := block.get("id"), str):
        taken = ids.call(given, "")
        return block if taken == given else {**block, "id": taken}
    if kind == "tool_result" and isinstance(given := block.get("tool_use_id"), str):
        answered = ids.result(given) or given
        return block if answered == given else {**block, "tool_use_id": answered}
    return block


def _is(one: Any, other: Any) -> bool:
    return one is other
