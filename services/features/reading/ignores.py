"""Pure: the rules of .gitignore files, as gitignore(5) words them.

Repositories are written by anybody, and a library that turns each rule into one regular expression can be made to
backtrack for hours by a line of stars, holding the interpreter. Here a rule is matched name by name, each by what
`fnmatch` makes, which does not backtrack over stars.
"""

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

_MAX_RULES = 1_000
_MAX_RULE_CHARS = 300
_ANY_FOLDERS = "**"
_CLASS_OR_ESCAPE = re.compile(r"\\(.)|\[\^")


class Rule(NamedTuple):
    """names: what each name of a path has to match; None stands for any folders."""

    negated: bool
    folders_only: bool
    names: tuple[re.Pattern[str] | None, ...]


Ignores = Mapping[str, tuple[Rule, ...]]  # by the folder that holds the .gitignore: "" or "a/b/"


def ignores(texts: Mapping[str, str]) -> Ignores:
    """texts: of .gitignore files, by path. Beyond a sane number, rules are not read."""
    found, left = {}, _MAX_RULES
    for path in sorted(texts, key=lambda path: (path.count("/"), path)):
        rules = tuple(rule for line in texts[path].splitlines()[:left] if (rule := _rule(line)) is not None)
        found[path.removesuffix(".gitignore")] = rules
        left -= len(rules)
    return found


def is_ignored(path: str, rules: Ignores, known: dict[str, bool]) -> bool:
    """known: what was found of folders, kept between calls. What lies in an ignored folder cannot be taken back."""
    return _in_ignored_folder(path, rules, known) or _decided(path, rules, is_folder=False)


def _in_ignored_folder(path: str, rules: Ignores, known: dict[str, bool]) -> bool:
    folder = path.rpartition("/")[0]
    if folder and folder not in known:
        known[folder] = _in_ignored_folder(folder, rules, known) or _decided(folder, rules, is_folder=True)
    return bool(folder) and known[folder]


def _decided(path: str, rules: Ignores, *, is_folder: bool) -> bool:
    """The last rule of the nearest .gitignore that says anything."""
    for base in _bases(path):
        names = path.removeprefix(base).split("/")
        for rule in reversed(rules.get(base, ())):
            if (is_folder or not rule.folders_only) and _matches(names, rule.names):
                return not rule.negated
    return False


def _bases(path: str) -> Iterable[str]:
    """The folders above, the nearest first."""
    parts = path.split("/")[:-1]
    for end in range(len(parts), 0, -1):
        yield "/".join(parts[:end]) + "/"
    yield ""


def _rule(line: str) -> Rule | None:
    text = re.sub(r"(?<!\\) +$", "", line.removesuffix("\r"))
    if not text or text.startswith("#") or len(text) > _MAX_RULE_CHARS:
        return None
    negated = text.startswith("!")
    text = text.removeprefix("!")
    folders_only = text.endswith("/")
    anchored = "/" in text.rstrip("/")
    parts = [part for part in text.split("/") if part]
    if not parts or "//" in text:  # no path has an empty name
        return None
    names = [None if part == _ANY_FOLDERS else _pattern(part) for part in parts]
    if not anchored:
        names.insert(0, None)
    return Rule(negated, folders_only, tuple(names))


@lru_cache(maxsize=4_096)
def _pattern(part: str) -> re.Pattern[str]:
    """One name; git's escapes and negated classes in the words of fnmatch."""
    return re.compile(translate(_CLASS_OR_ESCAPE.sub(_worded, part)))


def _worded(found: re.Match[str]) -> str:
    escaped: str | None = found[1]
    if escaped is None:
        return "[!"
    return f"[{escaped}]" if escaped in "*?[" else escaped


def _matches(names: list[str], patterns: tuple[re.Pattern[str] | None, ...]) -> bool:
    """By a table, so that many ** cost no more than names times patterns. A closing ** needs something below."""
    if len(patterns) == 2 and patterns[0] is None and patterns[1] is not None:  # most rules: a name, anywhere
        return patterns[1].match(names[-1]) is not None
    reach = [True] + [False] * len(names)
    for index, pattern in enumerate(patterns):
        if pattern is None:
            first = reach.index(True) + (index == len(patterns) - 1)
            reach = [place >= first for place in range(len(reach))]
        else:
            matched = (before and pattern.match(name) is not None for before, name in zip(reach, names, strict=False))
            reach = [False, *matched]
        if True not in reach:
            return False
    return reach[-1]
