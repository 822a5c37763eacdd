"""Pure: search/replace blocks within an answer, with the file that each is for."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from services.features.codegen.answers.markers import Marker, marker_of
from services.features.codegen.answers.values import AnswerFile
from services.features.codegen.patches import Edit
from services.features.codegen.paths import shown
from services.features.codegen.values import Finding

MAX_DIVIDERS = 20  # in one block: each is a way to read it
_SEARCH = re.compile(r"(?:<{5,9}|-{5,9}) ?(?:SEARCH|ORIGINAL)\b(.{0,300})$")
_REPLACE = re.compile(r"(?:>{5,9}|\+{5,9}) ?(?:REPLACE|UPDATED)\b")
_DIVIDER = "======="
_OTHER_DIVIDER = re.compile(r"={5,9}")


class _Search(NamedTuple):
    """An opened block: the file that it is for, and the first of its lines."""

    marker: Marker | None
    start: int


def begins_edit(line: str) -> bool:
    return line[:1] in ("<", "-") and _SEARCH.match(line) is not None


def ends_edit(line: str) -> bool:
    return line[:1] in (">", "+") and _REPLACE.match(line) is not None


def edits_end(lines: Sequence[str], at: int) -> int | None:
    """Where search/replace blocks that stand in prose end, one after another; None when the last one is not closed."""
    end = None
    while at < len(lines) and begins_edit(lines[at]):
        end = next((index + 1 for index in range(at, len(lines)) if ends_edit(lines[index])), None)
        if end is None:
            return None
        at = next((index for index in range(end, len(lines)) if lines[index].strip()), len(lines))
    return end


def holds_edits(lines: Sequence[str]) -> bool:
    return any(map(begins_edit, lines))


def split_edits(lines: Sequence[str], marker: Marker | None) -> tuple[list[AnswerFile], list[Finding]]:
    """The edits of each file that lines between the blocks name, at first of the one that `marker` does. Nothing at all
    when one of them cannot be read: what follows it may be a part of it."""
    edits: dict[Marker, list[Edit]] = {}
    search: _Search | None = None
    for at, line in enumerate(lines):
        if begins_edit(line):
            if search is not None:
                return [], [_unclosed(search)]
            marker = _named(line) or marker
            search = _Search(marker, at + 1)
        elif search is None:
            marker = marker_of(line, above_block=True) or marker
        elif ends_edit(line):
            edit = _edit(lines[search.start : at])
            if search.marker is None:
                return [], [Finding("", "patch", "a search/replace block names no file")]
            if isinstance(edit, Finding):
                return [], [Finding(shown(search.marker.path), edit.kind, edit.message)]
            edits.setdefault(search.marker, []).append(edit)
            search = None
    if search is not None:
        return [], [_unclosed(search)]
    return [AnswerFile(file.path, file.action or "edit", edits=tuple(found)) for file, found in edits.items()], []


def _unclosed(search: _Search) -> Finding:
    path = shown(search.marker.path) if search.marker else ""
    return Finding(path, "patch", "a search/replace block is not closed")


def _named(line: str) -> Marker | None:
    found = _SEARCH.match(line)
    return marker_of(found[1].strip(), above_block=True) if found and found[1].strip() else None


def _edit(lines: Sequence[str]) -> Edit | Finding:
    """Divided at its first divider. Which of several it is only the file can tell, to which it is applied."""
    dividers = [at for at, line in enumerate(lines) if line.rstrip() == _DIVIDER]
    dividers = dividers or [at for at, line in enumerate(lines) if _OTHER_DIVIDER.fullmatch(line.rstrip())]
    if not dividers:
        return Finding("", "patch", f"a search/replace block has no line {_DIVIDER}")
    if len(dividers) > MAX_DIVIDERS:
        return Finding("", "patch", f"a search/replace block has more than {MAX_DIVIDERS} lines {_DIVIDER}")
    search, replace = lines[: dividers[0]], lines[dividers[0] + 1 :]
    return Edit(_text(search), _text(replace), lines[dividers[0]].rstrip() if len(dividers) > 1 else "")


def _text(lines: Sequence[str]) -> str:
    return "".join(line + "\n" for line in lines)
