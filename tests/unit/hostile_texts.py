"""Every regular expression of the code, as it is used, and texts made to make it slow."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any, NamedTuple

import services
import shared

_ROOT = Path(__file__).parents[2]
_USES = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split")
_SCANS = {"search", "finditer", "findall", "sub", "subn", "split"}
_KEPT = 12  # beginnings that are followed further
_UNITS = 120
_COMMON = ("a", "A", "1", " ", "\n", "-", ".", "/", "\"", "'", "<", "{", "[", "(", "\\", "\\\"", "a.", "a-", "a ",
           "a\n", " \n", "\n ", "\t", "\"'", "://", "@", "eyJaaaa-")  # fmt: skip


class Use(NamedTuple):
    """A pattern, and whether it is tried at every place of a text or only at its beginning."""

    where: str
    pattern: re.Pattern[Any]
    anchored: bool


@cache
def uses() -> tuple[Use, ...]:
    found: dict[tuple[str, int, bool], Use] = {}
    for use in (*_compiled(), *_written()):
        found.setdefault((str(use.pattern.pattern), use.pattern.flags, use.anchored), use)
    return tuple(found.values())


def hostile(pattern: re.Pattern[Any], size: int) -> Iterator[str]:
    """Texts of about `size` characters: the pattern's own beginnings, repeated, or followed by what it repeats."""
    beginnings, repeated = _parts(sre_parser.parse(pattern.pattern, pattern.flags))
    units = dict.fromkeys((*_COMMON, *beginnings, *(beginning + part for beginning in beginnings for part in repeated)))
    for unit in list(units)[:_UNITS]:
        yield _of(unit, size)
    for beginning in list(beginnings)[:12]:
        for part in list(repeated)[:6]:
            yield beginning + _of(part, size)


def _of(unit: str, size: int) -> str:
    return unit * (size // len(unit) + 1)


def _parts(tree: Iterable[tuple[Any, Any]]) -> tuple[dict[str, None], dict[str, None]]:
    """What the tree may begin with, longest last; and samples of what it may repeat without end."""
    beginnings: dict[str, None] = {}
    repeated: dict[str, None] = {}
    _walk(list(tree), [""], beginnings, repeated)
    return {text: None for text in beginnings if text}, repeated


def _walk(
    items: list[tuple[Any, Any]], before: list[str], beginnings: dict[str, None], repeated: dict[str, None]
) -> list[str]:
    for place, (op, arg) in enumerate(items):
        before = _step(op, arg, before, beginnings, repeated)[:_KEPT]
        if op is not sre.LITERAL or place + 1 == len(items) or items[place + 1][0] is not sre.LITERAL:
            beginnings.update(dict.fromkeys(before))
    return before


def _step(op: Any, arg: Any, before: list[str], beginnings: dict[str, None], repeated: dict[str, None]) -> list[str]:
    if op is sre.LITERAL:
        return [text + chr(arg) for text in before]
    if op in (sre.IN, sre.NOT_LITERAL, sre.ANY):
        return [text + sample for sample in _samples(op, arg)[:2] for text in before]
    if op in (sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT):
        least, most, inner = arg
        once = _walk(list(inner), [""], {}, repeated)
        if most > 16:
            repeated.update(dict.fromkeys(text for text in once if text))
        return [text + sample * max(least, 1) for sample in once for text in before] + (before if least == 0 else [])
    if op is sre.BRANCH:
        return [text for branch in arg[1] for text in _walk(list(branch), before[:1], beginnings, repeated)[:2]]
    if op is sre.SUBPATTERN:
        return _walk(list(arg[-1]), before, beginnings, repeated)
    if op is sre.ATOMIC_GROUP:
        return _walk(list(arg), before, beginnings, repeated)
    return before


def _samples(op: Any, arg: Any) -> list[str]:
    if op is sre.IN:
        wanted = [
            chr(code) for code in (97, 65, 49, 32, 45, 95, 46, 47, 34, 9, 10, 233, 123, 40, 58, 96, 64, 43, 42, 35)
        ]
        return [char for char in wanted if _in(arg, ord(char))] or ["a"]
    return ["b" if arg == ord("a") else "a"]


def _in(members: list[tuple[Any, Any]], code: int) -> bool:
    negated, inside = False, False
    for op, arg in members:
        if op is sre.NEGATE:
            negated = True
        elif op is sre.LITERAL:
            inside |= arg == code
        elif op is sre.RANGE:
            inside |= arg[0] <= code <= arg[1]
        elif op is sre.CATEGORY:
            inside |= _in_category(arg, chr(code))
    return inside != negated


def _in_category(category: Any, char: str) -> bool:
    known = {
        sre.CATEGORY_DIGIT: char.isdigit(),
        sre.CATEGORY_SPACE: char.isspace(),
        sre.CATEGORY_WORD: char.isalnum() or char == "_",
    }
    if category in known:
        return known[category]
    opposite = {
        sre.CATEGORY_NOT_DIGIT: sre.CATEGORY_DIGIT,
        sre.CATEGORY_NOT_SPACE: sre.CATEGORY_SPACE,
        sre.CATEGORY_NOT_WORD: sre.CATEGORY_WORD,
    }
    return not known[opposite[category]]


def _compiled() -> Iterator[Use]:
    """The patterns that modules hold, also within tuples and dicts."""
    everything = "\n".join(path.read_text() for path in _sources())
    for package in (shared, services):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if module.name.endswith("__main__"):
                continue
            loaded = importlib.import_module(module.name)
            own = Path(loaded.__file__ or "").read_text()
            for name, value in vars(loaded).items():
                for pattern in _patterns_in(value):
                    using = own if name.startswith("_") else everything
                    methods = set(re.findall(rf"\b{name}\.({'|'.join(_USES)})\b", using))
                    yield Use(f"{module.name}.{name}", pattern, bool(methods) and not methods & _SCANS)


def _patterns_in(value: object) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _patterns_in(inner)
    elif isinstance(value, tuple | list | frozenset | set):
        for inner in value:
            yield from _patterns_in(inner)


def _written() -> Iterator[Use]:
    """The patterns that stand as text in a call of `re`; a pattern made of names is tried with a name in it."""
    for path in _sources():
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):  # what modules hold is found by importing
                for node in ast.walk(function):
                    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                        yield from _in_call(node, node.func, f"{path.relative_to(_ROOT)}:{node.lineno}")


def _sources() -> Iterator[Path]:
    for package in ("shared", "services"):
        yield from (_ROOT / package).rglob("*.py")


def _in_call(node: ast.Call, function: ast.Attribute, where: str) -> Iterator[Use]:
    known = function.attr in (*_USES, "compile")
    if not (known and isinstance(function.value, ast.Name) and function.value.id == "re"):
        return
    text = _text_of(node.args[0])
    if text is not None:
        flags = re.MULTILINE if "re.M" in ast.unparse(node) else 0
        yield Use(where, re.compile(text, flags), function.attr in ("match", "fullmatch"))


def _text_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "name" for part in node.values)
    return None
