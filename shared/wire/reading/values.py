"""JSON that others wrote: what can be read of it, within bounds, and the values in it as what they should be."""

import json
import re
from typing import Any

import orjson

MAX_VALUES = 300_000  # an answer of the largest size with the twenty likeliest tokens at each place has as many

_QUICKLY_READ_BYTES = 64 * 1024  # whatever they hold
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_LOOSELY_READ_BYTES = 1024 * 1024  # it takes ten times as long
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_END = 2**31  # of an integer column of the books
_COUNT = re.compile(r"(\d{1,10})(?:\.0*)?", re.ASCII)


class TooManyValuesError(Exception):
    """Reading takes longer by the number of values than by their length, and holds up every other call meanwhile."""

    def __init__(self) -> None:
        super().__init__(f"has more than {MAX_VALUES} objects, lists and members")


def read_json(data: bytes) -> tuple[Any, bool]:
    """The value, and whether every reader of JSON can read the bytes; otherwise the value is to be written anew.

    Also of what is read by the SDKs that our callers use and is no JSON to the letter: a byte order mark, NaN and
    Infinity (which become null), halves of surrogate pairs and bytes that are no UTF-8 (which become U+FFFD).

    Raises TooManyValuesError, and ValueError for what is no JSON.
    """
    if len(data) > _QUICKLY_READ_BYTES and values_in(data) > MAX_VALUES:
        raise TooManyValuesError
    try:
        return orjson.loads(data), True
    except orjson.JSONDecodeError:
        return _loosely(data), False


def values_in(data: bytes) -> int:
    """How many objects, lists and members JSON has, at most."""
    return data.count(b"{") + data.count(b"[") + data.count(b'":')


def object_or_empty(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def list_or_empty(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def whole_number(value: Any) -> int | None:
    """A count that fits an integer column of the books, also one that is written as 12.0 or as text; None for
    everything else."""
    if type(value) is int:  # nearly every count; `bool` is a type of its own
        return value if 0 <= value < _END else None
    if isinstance(value, str):
        found = _COUNT.fullmatch(value.strip())
        value = int(found[1]) if found else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _END else None


def text_or_none(value: Any, limit: int = 200) -> str | None:
    """At most `limit` characters, without NUL, which PostgreSQL cannot store; None for what is no text."""
    return value.replace("\x00", "")[:limit] if isinstance(value, str) and value else None


def _loosely(data: bytes) -> Any:
    start = data.lstrip()[:4].removeprefix(_BYTE_ORDER_MARK).lstrip()[:1]
    if start not in (b"{", b"[") or len(data) > _LOOSELY_READ_BYTES:
        raise ValueError("it is no JSON")  # a page or a text: nobody reads a value of it
    text = data.removeprefix(_BYTE_ORDER_MARK).decode("utf-8", "replace")
    try:
        written = json.dumps(json.loads(text, parse_constant=lambda _: None), ensure_ascii=False, allow_nan=False)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return orjson.loads(_LONE_SURROGATE.sub("\ufffd", written))
