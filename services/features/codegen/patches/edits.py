"""Pure: change a text by search/replace blocks."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from services.features.codegen.patches.misfits import MAX_CHANGES, MAX_FINDINGS, Misfit, missing
from services.features.codegen.patches.texts import is_crlf, kept_ends, lf
from services.features.codegen.values import Finding

MAX_PLACES = 1_000  # of one search text that are looked at
MAX_LOOSE = 50  # edits that fit only loosely, or can be read in many ways: each costs a walk over all lines
MAX_INDENT = 400
_IN_WORD = re.compile(r"(?<=[A-Za-z0-9_])(?=[A-Za-z0-9_])")


class Edit(NamedTuple):
    """divider: the line between the two texts, when `replace` holds it too: then either may be what divides them."""

    search: str
    replace: str
    divider: str = ""


def apply_edits(before: str, edits: Sequence[Edit], path: str = "") -> str | tuple[Finding, ...]:
    """Each search text must occur once, as whole lines or else within one line that stays one; if it does not occur,
    then once without regard to indentation and to spaces at the ends of lines. A file with CRLF keeps it."""
    crlf = is_crlf(before)
    text = lf(before) if crlf else before
    if len(edits) > MAX_CHANGES:
        return (Finding(path, "patch", f"more than {MAX_CHANGES} edits of one file"),)
    findings: list[Finding] = []
    loose = 0
    for number, edit in enumerate(edits, 1):
        lf_edit = _lf_edit(edit) if crlf else edit
        outcome = None if lf_edit.divider else _edited(text, lf_edit)
        if outcome is None and loose < MAX_LOOSE:
            loose += 1
            outcome = _divided(text, lf_edit) if lf_edit.divider else _edited_loosely(text, lf_edit)
        if isinstance(outcome, str):
            text = outcome
            continue
        misfit = outcome or Misfit(f"more than {MAX_LOOSE} search texts do not occur as they are written")
        findings.append(Finding(path, "patch", f"edit {number}: {misfit.reason}", misfit.line))
        if len(findings) == MAX_FINDINGS:
            break
    if findings:
        return tuple(findings)
    return text.replace("\n", "\r\n") if crlf else text


def _divided(text: str, edit: Edit) -> str | Misfit:
    """The longest search text that occurs once: where the file goes on past a divider as the block does, the line is
    the file's own."""
    for reading in _readings(edit):
        if isinstance(outcome := _edited(text, reading), str):
            return outcome
    return Misfit(
        f"its block holds the line {edit.divider} more than once, and no search text that ends at one of them occurs "
        "exactly once; copy other lines, or give the whole file"
    )


def _readings(edit: Edit) -> Iterator[Edit]:
    lines = kept_ends(edit.replace)
    dividers = [at for at, line in enumerate(lines) if line.rstrip() == edit.divider]
    for at in reversed(dividers):
        yield Edit(f"{edit.search}{edit.divider}\n{''.join(lines[:at])}", "".join(lines[at + 1 :]))
    yield Edit(edit.search, edit.replace)


def _edited(text: str, edit: Edit) -> str | Misfit | None:
    """None when the search text does not occur."""
    if not edit.search.strip():
        return edit.replace if not text.strip() else Misfit("the search text is empty")
    places = _places(text, edit)
    if len(places) > 1:
        return Misfit(_often(text, places), _line_of(text, places[0]))
    if not places or not _may_replace(text, places[0], edit):
        return None
    return text[: places[0]] + edit.replace + text[places[0] + len(edit.search) :]


def _places(text: str, edit: Edit) -> list[int]:
    """Where it occurs as it is written: lines where lines stand, what is within a line not within a word."""
    stands = _stands_as_lines if _is_of_lines(edit) else _stands_as_words
    hits = list(islice(_hits(text, edit.search), MAX_PLACES))
    if len(hits) == MAX_PLACES:
        return hits  # there may be more, so none is the one
    return [at for at in hits if stands(text, at, at + len(edit.search))]


def _hits(text: str, search: str) -> Iterator[int]:
    at = text.find(search)
    while at >= 0:
        yield at
        at = text.find(search, at + 1)


def _is_of_lines(edit: Edit) -> bool:
    return "\n" in edit.search or "\n" in edit.replace


def _stands_as_lines(text: str, start: int, end: int) -> bool:
    return not _before(text, start).strip() and (text[end - 1] == "\n" or text[end : end + 1] in ("", "\n"))


def _stands_as_words(text: str, start: int, end: int) -> bool:
    return not _IN_WORD.match(text, start) and not _IN_WORD.match(text, end)


def _before(text: str, at: int) -> str:
    """What stands before a place in its line; of a long line only the end."""
    return text[max(0, at - MAX_INDENT) : at].rpartition("\n")[2]


def _may_replace(text: str, at: int, edit: Edit) -> bool:
    """Lines may not when the next one would be joined to them, or when they lost their indentation."""
    if not _is_of_lines(edit):
        return True
    joins = edit.search.endswith("\n") and edit.replace and not edit.replace.endswith("\n")
    indent = _before(text, at)
    return not joins and (not indent or _is_lost_in_first_line(indent, edit))


def _is_lost_in_first_line(indent: str, edit: Edit) -> bool:
    """Whether all later lines of both texts have it. When every line lost it, each has to be shifted."""
    later = [line for part in (edit.search, edit.replace) for line in part.split("\n")[1:] if line.strip()]
    can_tell = edit.search.partition("\n")[2].strip() and edit.replace[:1].strip()
    return bool(can_tell) and all(line.startswith(indent) for line in later)


def _edited_loosely(text: str, edit: Edit) -> str | Misfit:
    lines, wanted = text.split("\n"), edit.search.strip("\n").split("\n")
    places = [at for at in _candidates(lines, wanted) if _shift(lines[at : at + len(wanted)], wanted) is not None]
    if not places:
        return missing("the search text", wanted, lines)
    if len(places) > 1:
        return Misfit(f"the search text fits {len(places)} places; give more lines around it", places[0] + 1)
    at = places[0]
    shift = _shift(lines[at : at + len(wanted)], wanted) or ("", "")
    replacement = edit.replace.strip("\n").split("\n") if edit.replace.strip("\n") else []
    end = "\r" if all(line.endswith("\r") for line in lines[at : at + len(wanted)]) else ""
    changed = [_shifted(line, *shift).removesuffix("\r") + end for line in replacement]
    return "\n".join(lines[:at] + changed + lines[at + len(wanted) :])


def _candidates(lines: list[str], wanted: list[str]) -> list[int]:
    anchor = next(index for index, line in enumerate(wanted) if line.strip())
    sought = wanted[anchor].strip()
    places = (index - anchor for index, line in enumerate(lines) if line.strip() == sought)
    return [at for at in places if at >= 0 and at + len(wanted) <= len(lines)]


def _shift(found: list[str], wanted: list[str]) -> tuple[str, str] | None:
    """What indentation is to be taken from every line of the edit and what put there, if it is one for all of them."""
    shift: tuple[str, str] | None = None
    for there, here in zip(found, wanted, strict=True):
        if there.strip() != here.strip():
            return None
        if not there.strip():
            continue
        needed = _unshared(_indent(here), _indent(there))
        if needed is None or shift not in (None, needed):
            return None
        shift = needed
    return shift


def _unshared(here: str, there: str) -> tuple[str, str] | None:
    if there.endswith(here):
        return "", there[: len(there) - len(here)]
    if here.endswith(there):
        return here[: len(here) - len(there)], ""
    return None


def _shifted(line: str, less: str, more: str) -> str:
    return more + line.removeprefix(less) if line.strip() else line


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _often(text: str, places: Sequence[int]) -> str:
    lines = ", ".join(str(_line_of(text, at)) for at in places[:MAX_FINDINGS])
    more = " and more" if len(places) > MAX_FINDINGS else ""
    return f"the search text occurs in lines {lines}{more}; give more lines around it"


def _line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _lf_edit(edit: Edit) -> Edit:
    return edit._replace(search=lf(edit.search), replace=lf(edit.replace))
