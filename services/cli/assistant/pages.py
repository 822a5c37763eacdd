"""Pure: an answer of the gateway as one page, which an assistant can read at once.

What is left out of a list is counted beside it, as `<name>_left_out`.
"""

from typing import Any

import orjson

from services.cli.problem import refused

PAGE_BYTES = 20_000

Body = dict[str, Any]


def size_of(value: Any) -> int:
    return len(orjson.dumps(value))


def fits(body: Body) -> bool:
    return size_of(body) <= PAGE_BYTES


def first_of(body: Body, name: str, most: int) -> Body:
    """With the first of the list's items, or of the object's fields."""
    whole = body[name]
    shown = dict(list(whole.items())[:most]) if isinstance(whole, dict) else whole[:most]
    return body | {name: shown} | _left_out(name, len(whole) - len(shown))


def shortened(body: Body, name: str) -> Body:
    """With as many of the list's items as fit."""
    count = _fitting(body | {name: []} | _left_out(name, len(body[name])), body[name])
    return body | {name: body[name][:count]} | _left_out(name, len(body[name]) - count)


def page_of(body: Body, name: str, cursor: str | None) -> Body:
    """With as many of the list's items as fit, from where the page before ended. Raises ProblemError when not even one
    does, and for a cursor that is none."""
    start, items = _start(cursor), body[name]
    end = start + _fitting(body | {name: [], "next_cursor": str(len(items))}, items[start:])
    if end == start < len(items):
        raise refused(f"one of the {name} is too large for a page", "Ask for a shorter span, or a larger step.")
    return body | {name: items[start:end], "next_cursor": str(end) if end < len(items) else None}


def _left_out(name: str, count: int) -> Body:
    return {f"{name}_left_out": count} if count > 0 else {}


def _fitting(rest: Body, items: list[Any]) -> int:
    room = PAGE_BYTES - size_of(rest)
    for count, item in enumerate(items):
        room -= size_of(item) + 1
        if room < 0:
            return count
    return len(items)


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 10):
        raise refused("cursor is none that was given here", "Begin again without cursor.")
    return int(cursor)
