"""Pure: what in one line of an answer names a file."""

import re
from typing import NamedTuple

from services.features.codegen.answers.structured import action_of
from services.features.codegen.languages import language_of
from services.features.codegen.values import Action

MAX_MARKER = 400  # characters of a line that may name a file; longer ones are not looked at

_FENCE = re.compile(r"([ \t]*+)(`{3,}+|~{3,}+)([^`]*+)$")
_LABELLED = re.compile(
    r"(?:[#*>/\s-]|\d{1,3}\.)*+(?:(new|create|edit|modify|update)[ds]?\s++)?"
    r"(?:file(?:\s?name|\s?path)?|path|create|edit|modify|update)s?(?:\s\d{1,3})?\s*+:\s*+(\S.*)$",
    re.IGNORECASE,
)
_BARE = re.compile(r"(?:#{1,6}\s++|\*\*|`|//\s*+|--\s*+|\d{1,3}[.)]\s++|[-*]\s++|/\*\s*+|<!--\s*+|;\s*+)++(\S.*)$")
_HEADING = re.compile(r"\s{0,3}#{1,6}\s|\*\*.{1,400}\*\*:?\s*+$")
_CODE_SPAN = re.compile(r"`([^`\s]{1,400}+)`")
_TAG = re.compile(r"\s*+<file\b([^>]*+)>(.*)$", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\b(path|name|file|filename|title|action)\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>}]++))")
_WRAPPING = "`*\"' \t"
_NOTE = re.compile(
    r"(.*?)(?<!\s)\s*+[(\[](new|created?|add|added|edit|edited|modify|modified|updated?)(?: file)?[)\]]$", re.IGNORECASE
)
_CREATING = frozenset({"new", "create", "created", "add", "added"})
_NAMED_FILES = frozenset({"dockerfile", "makefile", "gemfile", "rakefile", "procfile", "license", "jenkinsfile"})
_NAMED = re.compile("|".join(_NAMED_FILES), re.IGNORECASE)
_EXTENSION = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,9}$")
# Fences that show what to type or what was printed, not what is in a file.
_CONSOLE = frozenset({"bash", "sh", "shell", "console", "terminal", "shell-session", "zsh", "powershell", "output"})


class Marker(NamedTuple):
    """certain: it says itself that it is a file, so that even an odd path is one, to be judged."""

    path: str
    action: Action | None = None
    certain: bool = False


class Fence(NamedTuple):
    indent: int
    mark: str
    info: str

    @property
    def language(self) -> str:
        return re.split(r"[\s:{=]", self.info.strip(), maxsplit=1)[0].lower()

    def may_begin_at(self, indent: int) -> bool:
        """Whether another one, so far from the left, may be on the same level: what is further in is of the text."""
        return indent <= self.indent or (self.indent > 0 and indent <= self.indent + 3)


def fence_of(line: str) -> Fence | None:
    if line.lstrip(" \t")[:3] not in ("```", "~~~") or len(line) > MAX_MARKER:
        return None
    found = _FENCE.match(line)
    return Fence(len(found[1]), found[2], found[3].strip()) if found else None


def closes(line: str, fence: Fence) -> bool:
    plain = line.strip()
    if len(plain) < len(fence.mark) or set(plain) != {fence.mark[0]}:
        return False
    return fence.may_begin_at(len(line) - len(line.lstrip()))


def marker_of(line: str, above_block: bool = False) -> Marker | None:
    """In a line that stands before a block, or as a comment in the first line of one. above_block: directly before it,
    where nothing but the path is enough."""
    if len(line) > MAX_MARKER or not ("." in line or ":" in line or _NAMED.search(line)):
        return None
    if found := _LABELLED.match(line):
        path, action = _noted(_cleaned(found[2]))
        one_word = bool(path) and not any(character.isspace() for character in path)
        if one_word or _is_path(path.replace(" ", "_")):
            return Marker(path, action or action_of(found[1] or ""), certain=True)
        return None
    found = _BARE.match(line.strip())
    plain = line.strip() if above_block or line.strip().endswith(":") else ""
    path, action = _noted(_cleaned(found[1] if found else plain))
    if _is_path(path):
        return Marker(path, action)
    return _in_heading(line)


def _in_heading(line: str) -> Marker | None:
    """The one path that a heading shows as code, whatever it says of it."""
    spans = {found[1] for found in _CODE_SPAN.finditer(line)} if _HEADING.match(line) else set()
    paths = [span for span in spans if _is_path(span)]
    return Marker(paths[0]) if len(paths) == 1 else None


def comment_of(line: str) -> Marker | None:
    """A path alone in a comment: the first line of a block."""
    plain = line.strip()
    if not plain.startswith(("#", "//", "--", "/*", "<!--", ";")) or plain.startswith(("#!", "---")):
        return None
    return marker_of(line)


def info_marker(fence: Fence) -> Marker | None:
    """```python path=src/a.py, ```python:src/a.py, ```python src/a.py, ```src/a.py"""
    attributes = _attributes(fence.info)
    if attributes.get("path"):
        return Marker(attributes["path"], action_of(attributes.get("action", "")), certain=True)
    head, colon, tail = fence.info.partition(":")
    if colon and head.isidentifier() and tail.strip():
        return Marker(_cleaned(tail), certain=True)
    word = _cleaned(fence.info.split()[-1]) if fence.info.split() else ""
    word = word[1:-1] if word[:1] + word[-1:] in ("()", "{}") else word
    return Marker(word) if _is_path(word) else None


def tag_of(line: str) -> tuple[Marker, str] | None:
    """<file path="...">, and what follows in the line."""
    if line.lstrip()[:5].lower() != "<file":
        return None
    found = _TAG.match(line)
    attributes = _attributes(found[1]) if found and len(found[1]) <= MAX_MARKER else {}
    if found is None or not attributes.get("path"):
        return None
    return Marker(attributes["path"], action_of(attributes.get("action", "")), certain=True), found[2]


def is_console(fence: Fence, path: str) -> bool:
    return fence.language in _CONSOLE and language_of(path) != "shell"


def _attributes(text: str) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for found in _ATTRIBUTE.finditer(text):
        key = found[1] if found[1] == "action" else "path"
        attributes.setdefault(key, found[2] or found[3] or found[4] or "")
    return attributes


def _cleaned(text: str) -> str:
    plain = text.strip().removesuffix("*/").removesuffix("-->").strip().rstrip(":").strip(_WRAPPING)
    return plain.rstrip(":").strip(_WRAPPING)


def _noted(text: str) -> tuple[str, Action | None]:
    found = _NOTE.match(text)
    if found is None:
        return text, None
    return found[1].strip(_WRAPPING), "create" if found[2].lower() in _CREATING else "edit"


def _is_path(text: str) -> bool:
    if not text or len(text) > MAX_MARKER or any(character.isspace() for character in text) or "://" in text:
        return False
    name = text.replace("\\", "/").rsplit("/", 1)[-1]
    return bool(_EXTENSION.search(name)) or name.lower() in _NAMED_FILES or (name.startswith(".") and len(name) > 2)
