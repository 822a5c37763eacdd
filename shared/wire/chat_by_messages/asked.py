"""Reads what a caller asked: a value of the wrong kind is refused by its name."""

from typing import Any

from shared.wire.requests import UntranslatableError

Object = dict[str, Any]


def objects(value: Any, at: str) -> list[tuple[Object, str]]:
    """The objects of a list, each with its place; none when there is no list."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise UntranslatableError(at, "must be a list of objects")
    for n, item in enumerate(value):
        if not isinstance(item, dict):
            raise UntranslatableError(f"{at}[{n}]", "must be an object")
    return [(item, f"{at}[{n}]") for n, item in enumerate(value)]


def member(parent: Object, name: str, at: str) -> Object:
    value = parent.get(name)
    if not isinstance(value, dict):
        raise UntranslatableError(f"{at}.{name}", "must be an object")
    return value


def text_of(parent: Object, name: str, at: str) -> str:
    value = parent.get(name)
    if not isinstance(value, str):
        raise UntranslatableError(f"{at}.{name}", "must be a string")
    return value
