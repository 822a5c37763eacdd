"""Pure: the rules of .gitignore files, as gitignore(5) words them.

Repositories are written by anybody, and a library that turns each rule into one regular expression can be made to
backtrack for hours by a line of stars, holding the interpreter. Here a rule is matched name by name, each by what
`fnmatch` makes, which does not backtrack over stars. What is not understood of a rule leaves out rather than reads:
what somebody wanted ignored may be a secret.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

MAX_STEPS = 40_000_000  # names held against names of rules, for one repository: a few seconds
_MAX_RULES = 5_000
_MAX_LINES = 50_000  # of all files of rules, with their comments
_MAX_RULE_CHARS = 300
_MAX_RULE_NAMES = 32
_MAX_NOTES = 20
_SHOWN = 120
_TOO_MANY = "there are too many rules in .gitignore"
_ANY_FOLDERS = "**"
_NAMED_CLASS = re.compile(r"\[:[^\]]{0,40}:\]|\[=[^\]]{0,40}=\]|\[\.[^\]]{0,40}\.\]")
_OTHERWISE = re.compile(r"\[[:=.]|[\\/]")
_CLASS_OR_ESCAPE = re.compile(r"\\(.)|\[\^")


class Rule(NamedTuple):
    """names: what each name of a path has to match; None stands for any folders. text: as it is written, of one that
    is not understood and matches more than it says."""

    negated: bool
    folders_only: bool
    names: tuple[re.Pattern[str] | None, ...]
    text: str = ""


class Ignores:
    """The rules of a repository, given as the texts of its .gitignore files by path, None where a file is too large.
    Beyond a sane number, rules are not read, and nothing of the folders that they are for."""

    def __init__(self, texts: Mapping[str, str | None], max_steps: int = MAX_STEPS) -> None:
        # By the folder that holds the .gitignore: "" or "a/b/".
        self._rules, self._unread = _rules(texts)
        self._folders: dict[str, bool] = {}  # what was found of them
        self._steps_left = max_steps
        self._applied: dict[str, None] = {}  # rules that are not understood, and left something out

    @property
    def notes(self) -> tuple[str, ...]:
        """For people, which rules left out more than they may have meant to."""
        named = list(self._applied)[:_MAX_NOTES]
        return tuple(
            f"the pattern {text} of .gitignore is not understood; what it may name was left out" for text in named
        )

    def refusal(self, path: str) -> str | None:
        """Why it is not read; when finding out takes too long, that is why: what may be ignored may be a secret."""
        if self._unread and any(base in self._unread for base in _bases(path)):
            return _TOO_MANY
        ignored = self._in_ignored_folder(path) or self._decided(path, is_folder=False)
        if self._steps_left < 0:
            return f"{_TOO_MANY} for so many folders"
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
                    if rule.text:
                        self._applied[rule.text] = None
                    return not rule.negated
        return False


def _rules(texts: Mapping[str, str | None]) -> tuple[dict[str, tuple[Rule, ...]], frozenset[str]]:
    """And the folders of which not all rules are read."""
    found: dict[str, tuple[Rule, ...]] = {}
    unread: set[str] = set()
    rules_left, lines_left = _MAX_RULES, _MAX_LINES
    for path in sorted(texts, key=lambda path: (path.count("/"), path)):
        base, text = path.removesuffix(".gitignore"), texts[path]
        lines = [] if text is None else text.removeprefix("\ufeff").split("\n")
        rules = [] if len(lines) > lines_left else [rule for line in lines if (rule := _rule(line)) is not None]
        if text is None or len(lines) > lines_left or len(rules) > rules_left:
            unread.add(base)
            continue
        rules_left, lines_left = rules_left - len(rules), lines_left - len(lines)
        if rules:
            found[base] = tuple(rules)
    return found, frozenset(unread)


def _bases(path: str) -> Iterable[str]:
    """The folders above, the nearest first."""
    parts = path.split("/")[:-1]
    for end in range(len(parts), 0, -1):
        yield "/".join(parts[:end]) + "/"
    yield ""


def _rule(line: str) -> Rule | None:
    written = _without_spaces(line.removesuffix("\r"))
    if not written or written.startswith("#"):
        return None
    negated = written.startswith("!")
    text = _understood(written.removeprefix("!"))
    not_understood = text != written.removeprefix("!")
    folders_only = text.endswith("/")
    anchored = "/" in text.rstrip("/")
    parts = [part for part in text.split("/") if part]
    if not parts or "//" in text:  # no path has an empty name
        return None
    if not_understood and negated:
        return None  # what it takes back stays left out
    names = [None if part == _ANY_FOLDERS else _pattern(part) for part in parts]
    if not anchored:
        names.insert(0, None)
    return Rule(negated, folders_only, tuple(names), _shown(written) if not_understood else "")


def _without_spaces(line: str) -> str:
    """Without those at its end, unless the last one is escaped."""
    plain = line.rstrip(" ")
    return f"{plain} " if plain != line and (len(plain) - len(plain.rstrip("\\"))) % 2 else plain


def _understood(text: str) -> str:
    """The rule, or one that matches at least as much: any character in place of a class that `fnmatch` reads otherwise,
    anything below in place of what is too long."""
    if len(text) > _MAX_RULE_CHARS:
        text = text[:_MAX_RULE_CHARS].rpartition("/")[0] + "/**" if "/" in text[:_MAX_RULE_CHARS] else "*"
    parts: list[str] = []
    at = 0
    while at < len(text):
        end = _class_end(text, at) if text[at] == "[" else at + (2 if text[at] == "\\" else 1)
        taken = text[at:end]
        parts.append("?" if text[at] == "[" and len(taken) > 1 and _OTHERWISE.search(taken, 1) else taken)
        at = end
    names = "".join(parts).split("/")
    if len([name for name in names if name]) > _MAX_RULE_NAMES:
        return "/".join([*names[:_MAX_RULE_NAMES], "**"])
    return "/".join(names)


def _class_end(text: str, at: int) -> int:
    """Behind the class that begins here; the next character when it never ends, for then it is none."""
    end = at + 2 if text[at + 1 : at + 2] in ("!", "^") else at + 1
    first = end
    while end < len(text):
        if text[end] == "]" and end > first:
            return end + 1
        named = _NAMED_CLASS.match(text, end)
        end = named.end() if named else end + (2 if text[end] == "\\" else 1)
    return at + 1


def _shown(text: str) -> str:
    plain = text if text.isprintable() else ascii(text)[1:-1]
    return plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…"


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
