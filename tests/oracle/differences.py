"""Where two translations differ, by names without places and values, so that each kind is judged once."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.wire.chat_by_messages.conversation import BEGINNING

Object = dict[str, Any]


def of_requests(ours: Object, theirs: Object) -> Iterator[str]:
    if "refused" in ours or "refused" in theirs:
        yield from _refusals(ours, theirs)
        return
    yield from _of(_comparable(ours), _comparable(theirs), "request")


def of_answers(ours: Object, theirs: Object) -> Iterator[str]:
    mine, other = ours["choices"][0], theirs["choices"][0]
    thoughts = _thought(other["message"].get("reasoning"))
    yield from _of(
        _said(mine, mine["message"].get("reasoning_content"), ours["usage"]),
        _said(other, thoughts, theirs["usage"]),
        "answer",
    )


def of_streams(ours: list[Object], theirs: list[Object]) -> Iterator[str]:
    yield from _of(_added_up(ours), _added_up(theirs), "stream")


def _refusals(ours: Object, theirs: Object) -> Iterator[str]:
    if "refused" not in theirs:
        yield f"we refuse {ours['refused']}"
    elif "refused" not in ours:
        yield f"they refuse: {theirs['refused']}"


def _comparable(request: Object) -> Object:
    """Turns of one role in a row are one, as the endpoint itself takes them, and a text is a block. Without what our
    rules change on purpose: blank texts, whitespace at the end, our first word, and what ids are named."""
    blocks = [(turn["role"], block) for turn in request["messages"] for block in _blocks(turn["content"])]
    calls = [block["id"] for _, block in blocks if block["type"] == "tool_use"]
    names = {call: f"call {n}" for n, call in enumerate(calls)}
    by_kind: dict[str, list[Object]] = {}
    for role, block in blocks:
        if block["type"] != "text" or block["text"].strip() not in ("", BEGINNING):
            by_kind.setdefault(f"{role} {block['type']}", []).append(_named(block, names))
    return {**request, "messages": by_kind, "tools": {tool["name"]: tool for tool in request.get("tools", [])}}


def _named(block: Object, names: Object) -> Object:
    by_name: Object = {field: names[block[field]] for field in ("id", "tool_use_id") if field in block}
    trimmed = {"text": block["text"].rstrip()} if block["type"] == "text" else {}
    return {**block, **by_name, **trimmed}


def _blocks(content: Any) -> list[Object]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def _said(choice: Object, thoughts: Any, usage: Object) -> Object:
    message = choice["message"]
    details = usage.get("prompt_tokens_details") or {}
    return {
        "content": message.get("content") or "",
        "thoughts": thoughts or "",
        "calls": [_call(call["id"], call["function"]) for call in message.get("tool_calls") or []],
        "finish_reason": choice["finish_reason"],
        "refusal": message.get("refusal"),
        "usage": {name: usage[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")},
        "cached": {name: details.get(name) or 0 for name in ("cached_tokens", "cache_write_tokens")},
    }


def _thought(told: Any) -> str:
    """As they tell it, in one of two ways."""
    thought: str = (told.get("content") if isinstance(told, dict) else told) or ""
    return thought


def _call(call_id: str, function: Mapping[str, str]) -> Object:
    return {"id": call_id, "name": function["name"], "arguments": function["arguments"].replace(" ", "")}


def _added_up(chunks: list[Object]) -> Object:
    text, thoughts, ended = "", "", None
    calls: dict[int, Object] = {}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        delta = choice["delta"]
        text += delta.get("content") or ""
        thoughts += delta.get("reasoning_content") or _thought(delta.get("reasoning"))
        ended = choice.get("finish_reason") or ended
        for call in delta.get("tool_calls") or []:
            known = calls.setdefault(call["index"], {"arguments": ""})
            known |= {name: call[name] for name in ("id",) if call.get(name)}
            known["name"] = call["function"].get("name") or known.get("name")
            known["arguments"] += (call["function"].get("arguments") or "").replace(" ", "")
    return {"content": text, "thoughts": thoughts, "calls": list(calls.values()), "finish_reason": ended}


def _of(ours: Any, theirs: Any, at: str) -> Iterator[str]:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in {**ours, **theirs}:
            yield from _of_member(ours.get(name), theirs.get(name), f"{at}.{name}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for mine, other in zip(ours, theirs, strict=True):
            yield from _of(mine, other, f"{at}[]")
    elif ours != theirs:
        yield f"{at} differs"


def _of_member(mine: Any, other: Any, at: str) -> Iterator[str]:
    if mine in (None, [], {}) and other not in (None, [], {}):
        yield f"{at} only theirs"
    elif other in (None, [], {}) and mine not in (None, [], {}):
        yield f"{at} only ours"
    elif mine not in (None, [], {}):
        yield from _of(mine, other, at)
