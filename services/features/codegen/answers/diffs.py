"""Pure: unified diffs within an answer, taken apart by file. Their headers say which file each is about."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from services.features.codegen.answers.values import AnswerFile
from services.features.codegen.paths import shown
from services.features.codegen.values import Finding

_COUNTS = re.compile(r"@@ ?-\d{1,7}(?:,(\d{1,7}))? \+\d{1,7}(?:,(\d{1,7}))? ?@@")
_EXTRA = (
    "index ", "new file mode", "deleted file mode", "old mode", "new mode", "similarity ", "dissimilarity ", "rename ",
    "copy ", "Index: ", "====",
)  # fmt: skip
_GIT = "diff --git "
_IN_DIFF = (" ", "+", "-", "@", "\\", _GIT, *_EXTRA)
_NONE = "/dev/null"
_PREFIXES = (("a/", "b/"), ("i/", "w/"), ("c/", "i/"), ("c/", "w/"), ("o/", "w/"), ("old/", "new/"), ("1/", "2/"))
_TIME = re.compile(r"(?:\t|\s(?=\d{4}-\d\d-\d\d)).*+")
_ESCAPE = re.compile(r'\\(?:([0-7]{3})|(["\\abfnrtv]))')
_ESCAPED = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11}
_MAX_HEADER = 2_000
_NOT_WRITTEN = "files cannot be renamed, copied or deleted"


class _Section(NamedTuple):
    """What a diff says of one file: its names as they are written, git's lines on it, and its hunks."""

    old: str
    new: str
    extra: tuple[str, ...]
    body: tuple[str, ...]

    @property
    def changes(self) -> bool:
        return any(line[:1] in ("+", "-") for line in self.body)


def begins_diff(lines: Sequence[str], at: int) -> bool:
    return lines[at].startswith(_GIT) or _is_header(lines, at)


def diff_end(lines: Sequence[str], at: int) -> int:
    """Where a diff that stands in prose ends. A blank line is a part of it only while its hunk lacks lines, and so is
    one of context that lost its prefix."""
    old = new = 0
    while at < len(lines):
        line = lines[at]
        if found := _COUNTS.match(line):
            old, new = int(found[1] or 1), int(found[2] or 1)
        elif _is_prose(lines, at, old <= 0 and new <= 0):
            return at
        else:
            old -= line[:1] != "+"
            new -= line[:1] != "-"
        at += 1
    return at


def _is_prose(lines: Sequence[str], at: int, hunk_is_full: bool) -> bool:
    if not lines[at]:
        return hunk_is_full and not _goes_on(lines, at + 1)
    if lines[at].startswith(_IN_DIFF):
        return False
    return hunk_is_full or at + 1 >= len(lines) or lines[at + 1][:1] not in ("+", "-", " ")


def _goes_on(lines: Sequence[str], at: int) -> bool:
    return at < len(lines) and (lines[at].startswith("@@") or begins_diff(lines, at))


def is_diff(lines: Sequence[str], language: str) -> bool:
    if language in ("diff", "patch"):
        return True
    first = next((at for at, line in enumerate(lines) if line.strip()), None)
    return first is not None and (begins_diff(lines, first) or _COUNTS.match(lines[first]) is not None)


def split_diff(lines: Sequence[str], path: str | None) -> tuple[list[AnswerFile], list[Finding]]:
    """One patch a file. `path` names the file of a diff that does not."""
    lines = _unsigned(lines)
    starts = _starts(lines)
    if not starts:
        if not any(line[:1] in ("+", "-") for line in lines):
            return [], []
        if path is None:
            return [], [Finding("", "patch", "a diff names no file: it needs the lines --- a/path and +++ b/path")]
        return [AnswerFile(path, "edit", patch="\n".join(lines))], []
    files: list[AnswerFile] = []
    findings: list[Finding] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        taken = _taken(_section(lines[start:end]))
        if isinstance(taken, Finding):
            findings.append(taken)
        else:
            files.append(_as_named(taken, path) if len(starts) == 1 else taken)
    return files, findings


def _as_named(file: AnswerFile, path: str | None) -> AnswerFile:
    """The line above a diff may say more of the path than its header does."""
    if path is not None and path.endswith(f"/{file.path}"):
        return AnswerFile(path, file.action, file.content, file.edits, file.patch)
    return file


def _taken(section: _Section) -> AnswerFile | Finding:
    path = _path(section.old, section.new)
    is_new = section.old == _NONE or any(line.startswith("new file mode") for line in section.extra)
    moved = any(line.startswith(("rename ", "copy ", "deleted file mode")) for line in section.extra)
    if moved or section.new == _NONE:
        return Finding(shown(path), "patch", _NOT_WRITTEN)
    if any(line.startswith(("Binary files ", "GIT binary patch")) for line in section.body):
        return Finding(shown(path), "patch", "a binary file cannot be written")
    if not section.changes:
        return AnswerFile(path, "create", content="") if is_new else Finding(shown(path), "patch", "it changes no line")
    return AnswerFile(path, "create" if is_new else "edit", patch="\n".join(section.body))


def _starts(lines: Sequence[str]) -> list[int]:
    """Where what is said of a file begins: at git's line, else at its header."""
    starts: list[int] = []
    of_git = False  # the header that comes belongs to it
    for at, line in enumerate(lines):
        if line.startswith(_GIT):
            starts.append(at)
            of_git = True
        elif line.startswith("@@"):
            of_git = False
        elif of_git and line.startswith(("--- ", "+++ ")):
            of_git = of_git and not line.startswith("+++ ")
        elif _is_header(lines, at) or (not starts and _may_be_header(lines, at)):
            starts.append(at)
    return starts


def _is_header(lines: Sequence[str], at: int) -> bool:
    """Three lines that only a header has: a removed line "-- x" alone looks like its first."""
    return (
        lines[at].startswith("--- ")
        and at + 2 < len(lines)
        and lines[at + 1].startswith("+++ ")
        and lines[at + 2].startswith("@@")
    )


def _may_be_header(lines: Sequence[str], at: int) -> bool:
    """At the beginning of a diff also what lacks one of these lines."""
    if any(line.strip() and not line.startswith(_EXTRA) for line in lines[max(0, at - 8) : at]) or at > 8:
        return False
    following = lines[at + 1] if at + 1 < len(lines) else ""
    if lines[at].startswith("--- "):
        return following.startswith(("+++ ", "@@"))
    return lines[at].startswith("+++ ")


def _section(lines: Sequence[str]) -> _Section:
    head = 0
    extra: list[str] = []
    old = new = ""
    while head < len(lines) and not lines[head].startswith("@@"):
        line = lines[head]
        if line.startswith(_GIT):
            old, new = _git_names(line)
        elif line.startswith("--- ") and (head + 1 == len(lines) or lines[head + 1].startswith(("+++ ", "@@"))):
            old = _name(line[4:])
            new = new if new else old
        elif line.startswith("+++ "):
            new = _name(line[4:])
            old = old if old else new
            head += 1
            break
        elif line.strip():
            if not line.startswith(_EXTRA):
                break
            extra.append(line)
        head += 1
    return _Section(old, new, tuple(extra), tuple(lines[head:]))


def _path(old: str, new: str) -> str:
    """What stands for "before" and "after" is no folder; a folder of that name stands before both names alike."""
    if new == _NONE:
        return old.removeprefix("a/")
    if old == _NONE:
        return new.removeprefix("b/")
    for before, after in _PREFIXES:
        if old.startswith(before) and new.startswith(after):
            return new[len(after) :]
    return new[2:] if new.startswith("b/") and new[2:] == old else new


def _git_names(line: str) -> tuple[str, str]:
    """Of `diff --git a/x b/x`: names may hold spaces, and are the same unless the file is renamed."""
    text = line[len(_GIT) :].strip()[:_MAX_HEADER]
    if text.startswith('"'):
        first, _, second = text[1:].partition('" ')
        return _name(f'"{first}"'), _name(second)
    half = len(text) // 2
    if text[half : half + 1] == " " and text[2:half] == text[half + 3 :]:
        return text[:half], text[half + 1 :]
    first, _, second = text.partition(" b/")
    return first, f"b/{second}" if second else first


def _name(text: str) -> str:
    plain = text[:_MAX_HEADER].strip()
    if plain.startswith('"'):
        end = plain.rfind('"')
        return _unquoted(plain[1:end]) if end > 0 else plain[1:]
    return _TIME.sub("", plain).strip(" `*")


def _unquoted(text: str) -> str:
    """Git quotes names that are not plain, byte by byte."""
    data = bytearray()
    at = 0
    for found in _ESCAPE.finditer(text):
        data += text[at : found.start()].encode(errors="replace")
        data.append(int(found[1], 8) & 0xFF if found[1] else _ESCAPED.get(found[2], ord(found[2])))
        at = found.end()
    return (data + text[at:].encode(errors="replace")).decode(errors="replace")


def _unsigned(lines: Sequence[str]) -> Sequence[str]:
    """Without the signature of a patch that was made to be mailed: the last lines, "-- " and a version."""
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    is_signed = (
        end >= 2 and lines[end - 2] in ("-- ", "--") and re.fullmatch(r"\d+(?:\.\d+){1,4}\S{0,40}", lines[end - 1])
    )
    return lines[: end - 2] if is_signed else lines
