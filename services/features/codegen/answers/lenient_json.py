"""Pure: read JSON as models write it: with closing commas, raw line ends in texts, wrong escapes, or cut at the end.

What was cut is marked by its type, so that half a file is never taken for a whole one.
"""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # public in CPython, unknown to typeshed
from typing import Any

MAX_DEPTH = 40
MAX_VALUES = 100_000  # of one text; an answer of a megabyte holds a few hundred, junk holds more

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_WRONG_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)', re.DOTALL)
_HALF = re.compile("[\ud800-\udfff]")
# Each escape is taken whole, so that what is escaped itself is none. Only a half without its other is the group.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
_HALF_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_WORD = re.compile(r"true|false|null|-?\d{1,300}(?:\.\d{1,300})?(?:[eE][+-]?\d{1,5})?")
_WORDS: dict[str, Any] = {"true": True, "false": False, "null": None}


class NotJsonError(ValueError):
    """What is not even nearly JSON."""


class CutObject(dict[str, Any]):
    """An object that the text ended in."""


class CutArray(list[Any]):
    """An array that the text ended in."""


class CutText(str):
    """A string that the text ended in."""

    __slots__ = ()


def is_cut(value: Any) -> bool:
    return isinstance(value, CutObject | CutArray | CutText)


class Budget:
    """How many values may still be read of a text, over all places where reading is tried."""

    def __init__(self, values: int = MAX_VALUES) -> None:
        self._left = values

    def spend(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise NotJsonError


def without_halves(text: str) -> str:
    """Half of a surrogate pair is no character: nothing can store it or send it on. U+FFFD stands for it."""
    return _HALF.sub("\ufffd", text)


def without_escaped_halves(text: str) -> str:
    """The same for JSON text, of the same length."""
    if not _HALF_ESCAPE.search(text):
        return text
    return _ESCAPE.sub(lambda found: r"\ufffd" if found[1] else found[0], text)


def read_json(text: str, start: int, budget: Budget) -> tuple[Any, int]:
    """The value that begins at `start`, and where it ends. Raises NotJsonError."""
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
    except (ValueError, RecursionError):
        return _value(text, start, 0, budget)
    return value, end


def _value(text: str, at: int, depth: int, budget: Budget) -> tuple[Any, int]:
    budget.spend()
    if depth > MAX_DEPTH:
        raise NotJsonError
    match text[at : at + 1]:
        case "{":
            return _object(text, at + 1, depth, budget)
        case "[":
            return _array(text, at + 1, depth, budget)
        case '"':
            return _string(text, at)
    return _word(text, at)


def _object(text: str, at: int, depth: int, budget: Budget) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    while True:
        at = _skip(text, at, ",")
        if at >= len(text):
            return CutObject(members), at
        if text[at] == "}":
            return members, at + 1
        if text[at] != '"':
            raise NotJsonError
        key, at = _string(text, at)
        at = _skip(text, at, "")
        if isinstance(key, CutText) or at >= len(text):
            return CutObject(members), len(text)
        if text[at] != ":":
            raise NotJsonError
        at = _skip(text, at + 1, "")
        if at >= len(text):
            return CutObject(members), at
        members[key], at = _value(text, at, depth + 1, budget)
        if at >= len(text):
            return CutObject(members), at


def _array(text: str, at: int, depth: int, budget: Budget) -> tuple[list[Any], int]:
    items: list[Any] = []
    while True:
        at = _skip(text, at, ",")
        if at >= len(text):
            return CutArray(items), at
        if text[at] == "]":
            return items, at + 1
        item, at = _value(text, at, depth + 1, budget)
        items.append(item)
        if at >= len(text):
            return CutArray(items), at


def _string(text: str, at: int) -> tuple[str, int]:
    found = _STRING.match(text, at)
    if found is None:
        return CutText(_decoded(text[at + 1 :].rstrip("\\"))), len(text)
    return _decoded(found[0][1:-1]), found.end()


def _decoded(raw: str) -> str:
    mended = _WRONG_ESCAPE.sub(lambda found: found[0] if found[1] else "\\\\", raw)
    value: str = scanstring(f'{mended}"', 0, False)[0]
    return value


def _word(text: str, at: int) -> tuple[Any, int]:
    found = _WORD.match(text, at)
    if found is None:
        if len(text) - at < 5:  # a word that was cut, as "tru"
            return CutText(text[at:]), len(text)
        raise NotJsonError
    word = found[0]
    return (_WORDS[word] if word in _WORDS else float(word)), found.end()


def _skip(text: str, at: int, also: str) -> int:
    """Past white space, and past commas where they may be missing or too many."""
    while True:
        found = _SPACE.match(text, at)
        at = found.end() if found else at
        if not also or at >= len(text) or text[at] != also:
            return at
        at += 1
