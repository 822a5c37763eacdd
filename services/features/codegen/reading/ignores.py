"""Pure: the rules of .gitignore files, as gitignore(5) words them.

Repositories are written by anybody, and a library that turns each rule into one regular expression can be made to
backtrack for hours by a line of stars, holding the interpreter. Here a rule is matched name by name, each by what
`fnmatch` makes, which does not backtrack over stars.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

MAX_STEPS = 40_000_000  # names held against names of rules, for one repository: a few seconds
_MAX_RULES = 1_000
_MAX_LINES = 50_000  # of all files of rules, with their comments
_MAX_RULE_CHARS = 300
_MAX_RULE_NAMES = 16
_ANY_FOLDERS = "**"
_CLASS_OR_ESCAPE = re.compile(r"\\(.)|\[\^")


class Rule(NamedTuple):
    """names: what each name of a path has to match; None stands for any folders."""

    negated: bool
    folders_only: bool
    names: tuple[re.Pattern[str] | None, ...]


class Ignores:
    """The rules of a repository, given as the texts of its .gitignore files by path. Beyond a sane number, rules are
    not read."""

    def __init__(self, texts: Mapping[str, str], max_steps: int = MAX_STEPS) -> None:
        self._rules = _rules(texts)  # by the folder that holds the .gitignore: "" or "a/b/"
        self._folders: dict[str, bool] = {}  # what was found of them
        self._steps_left = max_steps

    def refusal(self, path: str) -> str | None:
        """Why it is not read; when finding out takes too long, that is why: what may be ignored may be a secret."""
        ignored = self._in_ignored_folder(path) or self._decided(path, is_folder=False)
        if self._steps_left < 0:
            return "there are too many rules in .gitignore for so many folders"
        return "named by .gitignore" if ignored else None

    def _in_ignored_folder(self, path: str) -> bool:
        """What lies in an ignored folder cannot be taken back."""
        folder = path.rpartition("/")[0]
        if folder and folder not in self._folders:
            self._folders[folder] = self._in_ignored_folder(folder) or self._decided(folder, is_folder=True)
        return bool(folder) and self._folders[folder]

    def _decided(self, path: str, *, is_folder: bool) -> bool:
        """The last rule of the nearest .gitignore that says anything."""
        for base in _bases(path) if self._rules else ():
            names = path.removeprefix(base).split("/")
            for rule in reversed(self._rules.get(base, ())):
                self._steps_left -= 1 if _is_one_name(rule.names) else len(names) * len(rule.names)
                if self._steps_left < 0:
                    return False
                if (is_folder or not rule.folders_only) and _matches(names, rule.names):
                    return not rule.negated
        return False


def _rules(texts: Mapping[str, str]) -> dict[str, tuple[Rule, ...]]:
    found: dict[str, tuple[Rule, ...]] = {}
    rules_left, lines_left = _MAX_RULES, _MAX_LINES
    for path in sorted(texts, key=lambda path: (path.count("/"), path)):
        lines = texts[path].splitlines()[: min(rules_left, lines_left)]
        rules = tuple(rule for line in lines if (rule := _rule(line)) is not None)
        rules_left, lines_left = rules_left - len(rules), lines_left - len(lines)
        if rules:
            found[path.removesuffix(".gitignore")] = rules
    return found


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
    if not parts or len(parts) > _MAX_RULE_NAMES or "//" in text:  # no path has an empty name
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


def _is_one_name(patterns: Sequence[re.Pattern[str] | None]) -> bool:
    """Most rules: a name, anywhere."""
    return len(patterns) == 2 and patterns[0] is None and patterns[1] is not None


def _matches(names: list[str], patterns: Sequence[re.Pattern[str] | None]) -> bool:
    """By a table, so that many ** cost no more than names times patterns. A closing ** needs something below."""
    if _is_one_name(patterns):
        return patterns[-1] is not None and patterns[-1].match(names[-1]) is not None
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
