"""Pure: unified diffs and search/replace blocks within an answer, taken apart by file."""

import re
from collections.abc import Sequence

from services.features.codegen.answers.values import AnswerFile
from services.features.codegen.patches import Edit
from services.features.codegen.paths import shown
from services.features.codegen.values import Finding

_COUNTS = re.compile(r"@@ ?-\d{1,7}(?:,(\d{1,7}))? \+\d{1,7}(?:,(\d{1,7}))? ?@@")
_EXTRA = ("index ", "new file mode", "deleted file mode", "old mode", "new mode", "similarity ", "rename ", "copy ")
_IN_DIFF = (" ", "+", "-", "@", "\\", "diff --git ", *_EXTRA)
_NONE = "/dev/null"
MAX_DIVIDERS = 20  # in one block: each is a way to read it
_SEARCH, _DIVIDER, _REPLACE = "<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE"


def begins_diff(lines: Sequence[str], at: int) -> bool:
    return lines[at].startswith("diff --git ") or _is_header(lines, at)


def diff_end(lines: Sequence[str], at: int) -> int:
    """Where a diff that stands in prose ends. A blank line is a part of it only while its hunk lacks lines."""
    old = new = 0
    while at < len(lines):
        line = lines[at]
        if found := _COUNTS.match(line):
            old, new = int(found[1] or 1), int(found[2] or 1)
        elif _is_prose(lines, at, old <= 0 and new <= 0):
            return at
        else:
            old -= line[:1] in ("", " ", "-")
            new -= line[:1] in ("", " ", "+")
        at += 1
    return at


def _is_prose(lines: Sequence[str], at: int, hunk_is_full: bool) -> bool:
    if not lines[at]:
        return hunk_is_full and not _goes_on(lines, at + 1)
    return not lines[at].startswith(_IN_DIFF)


def split_diff(lines: Sequence[str], path: str | None) -> tuple[list[AnswerFile], list[Finding]]:
    """One patch a file. `path` names the file of a diff that does not."""
    starts = [at for at in range(len(lines)) if _is_header(lines, at)]
    findings = [
        Finding(shown(line[len(word) :]), "patch", "files cannot be renamed, copied or deleted")
        for line in lines
        for word in ("rename to ", "copy to ")
        if line.startswith(word)
    ]
    if not starts:
        changes = any(line[:1] in ("+", "-") for line in lines)
        if path is None or not changes:
            return [], findings
        return [AnswerFile(path, "edit", patch="\n".join(lines))], findings
    files: list[AnswerFile] = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        old, new = _named(lines[start]), _named(lines[start + 1])
        if new == _NONE:
            findings.append(Finding(shown(old), "patch", "files cannot be renamed, copied or deleted"))
            continue
        body = [line for line in lines[start:end] if not line.startswith(("diff --git ", *_EXTRA))]
        files.append(AnswerFile(new, "create" if old == _NONE else "edit", patch="\n".join(body)))
    return files, findings


def is_diff(lines: Sequence[str], language: str) -> bool:
    if language in ("diff", "patch"):
        return True
    first = next((at for at, line in enumerate(lines) if line.strip()), None)
    return first is not None and (begins_diff(lines, first) or _COUNTS.match(lines[first]) is not None)


def begins_edit(line: str) -> bool:
    return line.startswith(_SEARCH)


def edits_end(lines: Sequence[str], at: int) -> int | None:
    """Where search/replace blocks that stand in prose end, one after another; None when the last one is not closed."""
    end = None
    while at < len(lines) and begins_edit(lines[at]):
        end = next((index + 1 for index in range(at, len(lines)) if lines[index].startswith(_REPLACE)), None)
        if end is None:
            return None
        at = next((index for index in range(end, len(lines)) if lines[index].strip()), len(lines))
    return end


def edits_of(lines: Sequence[str]) -> tuple[Edit, ...] | Finding | None:
    """None when the block holds no search/replace block at all."""
    edits: list[Edit] = []
    start: int | None = None
    for at, line in enumerate(lines):
        if begins_edit(line):
            if start is not None:
                break
            start = at + 1
        elif start is not None and line.startswith(_REPLACE):
            edit = _edit(lines[start:at])
            if isinstance(edit, Finding):
                return edit
            edits.append(edit)
            start = None
    return Finding("", "patch", "a search/replace block is not closed") if start is not None else tuple(edits) or None


def _edit(lines: Sequence[str]) -> Edit | Finding:
    """Divided at its first divider. Which of several it is only the file can tell, to which it is applied."""
    dividers = [at for at, line in enumerate(lines) if line.rstrip() == _DIVIDER]
    if not dividers:
        return Finding("", "patch", f"a search/replace block has no line {_DIVIDER}")
    if len(dividers) > MAX_DIVIDERS:
        return Finding("", "patch", f"a search/replace block has more than {MAX_DIVIDERS} lines {_DIVIDER}")
    search, replace = lines[: dividers[0]], lines[dividers[0] + 1 :]
    return Edit(_text(search), _text(replace), _DIVIDER if len(dividers) > 1 else "")


def _text(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)


def _is_header(lines: Sequence[str], at: int) -> bool:
    """Three lines that only a header has: a removed line "-- x" alone looks like its first."""
    return (
        lines[at].startswith("--- ")
        and at + 2 < len(lines)
        and lines[at + 1].startswith("+++ ")
        and lines[at + 2].startswith("@@")
    )


def _goes_on(lines: Sequence[str], at: int) -> bool:
    return at < len(lines) and (lines[at].startswith("@@") or begins_diff(lines, at))


def _named(header: str) -> str:
    name = header[4:].split("\t")[0].strip().strip('"')
    return name[2:] if name.startswith(("a/", "b/")) else name
