"""Pure: change a text by search/replace blocks or a unified diff, and tell a change as a diff.

A change goes where it fits in exactly one place, or nowhere: what could hit the wrong place is a finding.
"""

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

from services.features.values import Finding

MAX_FINDINGS = 5
MAX_CHANGES = 1_000  # edits or hunks for one file; hostile answers would hold many more
MAX_LOOSE = 50  # edits that fit only loosely: each costs a walk over all lines
NEAREST_LINES_READ = 5_000
_SHOWN = 120
_HUNK = re.compile(r"@@ ?-(\d{1,7})(?:,(\d{1,7}))? \+(\d{1,7})(?:,(\d{1,7}))? ?@@")
_NO_NEWLINE = "\\ No newline at end of file"


class Edit(NamedTuple):
    search: str
    replace: str


class Hunk(NamedTuple):
    """start: the line (from 1) at which it says it begins, None when it does not say. lines: with their prefix."""

    start: int | None
    lines: tuple[str, ...]

    @property
    def old(self) -> list[str]:
        return [line[1:] for line in self.lines if line[0] in " -"]


def apply_edits(before: str, edits: Sequence[Edit], path: str = "") -> str | tuple[Finding, ...]:
    """Each search text must occur once; if it does not occur, then once without regard to indentation and to spaces at
    the ends of lines. A file with CRLF keeps it."""
    crlf = _is_crlf(before)
    text = _lf(before) if crlf else before
    if len(edits) > MAX_CHANGES:
        return (Finding(path, "patch", f"more than {MAX_CHANGES} edits of one file"),)
    findings: list[Finding] = []
    loose = 0
    for number, edit in enumerate(edits, 1):
        one = _lf_edit(edit) if crlf else edit
        outcome = _edited(text, one)
        if outcome is None and loose < MAX_LOOSE:
            loose += 1
            outcome = _edited_loosely(text, one)
        if isinstance(outcome, str):
            text = outcome
            continue
        misfit = outcome or _Misfit(f"more than {MAX_LOOSE} search texts do not occur as they are written")
        findings.append(Finding(path, "patch", f"edit {number}: {misfit.reason}", misfit.line))
        if len(findings) == MAX_FINDINGS:
            break
    if findings:
        return tuple(findings)
    return text.replace("\n", "\r\n") if crlf else text


def apply_unified(before: str, patch: str, path: str = "") -> str | tuple[Finding, ...]:
    """Every line of context must be there. Line numbers only choose between places that fit equally."""
    hunks = _hunks(_lf(patch))
    if not hunks:
        return (Finding(path, "patch", "the patch holds no hunk"),)
    if len(hunks) > MAX_CHANGES:
        return (Finding(path, "patch", f"more than {MAX_CHANGES} hunks for one file"),)
    lines = before.split("\n")
    newline = lines[-1] == ""
    lines = lines[:-1] if newline else lines
    crlf = _is_crlf(before)
    where = _index(lines)
    result: list[str] = []
    done, drift = 0, 0
    for number, hunk in enumerate(hunks, 1):
        place = _place(lines, where, hunk, done, drift)
        if isinstance(place, _Misfit):
            return (Finding(path, "patch", f"hunk {number}: {place.reason}", place.line),)
        result += lines[done:place] + _after(lines, place, hunk, crlf)
        done = place + len(hunk.old)
        drift = place - (hunk.start - 1) if hunk.start else drift
    result += lines[done:]
    if not result:
        return ""
    ended = _ends_with_newline(hunks[-1], done == len(lines), newline or not lines)
    return "\n".join(result) + "\n" if ended else "\n".join(result).removesuffix("\r")


def unified_diff(before: str | None, after: str, path: str) -> str:
    """As git shows it: /dev/null for a new file, and the mark of a last line without a newline."""
    old = "/dev/null" if before is None else f"a/{path}"
    lines = difflib.unified_diff(_kept_ends(before or ""), _kept_ends(after), old, f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}\n" for line in lines)


class _Misfit(NamedTuple):
    reason: str
    line: int | None = None


def _edited(text: str, edit: Edit) -> str | _Misfit | None:
    """None when the search text does not occur."""
    if not edit.search.strip():
        return edit.replace if not text.strip() else _Misfit("the search text is empty")
    first = text.find(edit.search)
    if first < 0:
        return None
    if text.find(edit.search, first + 1) >= 0:
        return _Misfit(_often(text, edit.search), _line_of(text, first))
    return text[:first] + edit.replace + text[first + len(edit.search) :]


def _edited_loosely(text: str, edit: Edit) -> str | _Misfit:
    lines, wanted = text.split("\n"), edit.search.strip("\n").split("\n")
    places = [at for at in _candidates(lines, wanted) if _shift(lines[at : at + len(wanted)], wanted) is not None]
    if not places:
        return _missing("the search text", wanted, lines)
    if len(places) > 1:
        return _Misfit(f"the search text fits {len(places)} places; give more lines around it", places[0] + 1)
    at = places[0]
    shift = _shift(lines[at : at + len(wanted)], wanted) or ("", "")
    replacement = edit.replace.strip("\n").split("\n") if edit.replace.strip("\n") else []
    return "\n".join(lines[:at] + [_shifted(line, *shift) for line in replacement] + lines[at + len(wanted) :])


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
        one = _unshared(_indent(here), _indent(there))
        if one is None or shift not in (None, one):
            return None
        shift = one
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


def _often(text: str, search: str) -> str:
    places: list[int] = []
    at = text.find(search)
    while at >= 0 and len(places) < MAX_FINDINGS:
        places.append(_line_of(text, at))
        at = text.find(search, at + 1)
    more = " and more" if at >= 0 else ""
    return f"the search text occurs in lines {', '.join(map(str, places))}{more}; give more lines around it"


def _line_of(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _missing(what: str, wanted: Sequence[str], lines: Sequence[str]) -> _Misfit:
    sought = next((line for line in wanted if line.strip()), "")
    near = _nearest(sought, lines)
    if near is None:
        return _Misfit(f"{what} does not occur: {_brief(sought)}; no line is like it")
    return _Misfit(f"{what} does not occur: {_brief(sought)}; nearest is line {near}: {_brief(lines[near - 1])}", near)


def _nearest(sought: str, lines: Sequence[str]) -> int | None:
    matcher = difflib.SequenceMatcher(b=sought.strip()[:_SHOWN], autojunk=False)
    best, best_ratio = None, 0.4
    for number, line in enumerate(lines[:NEAREST_LINES_READ], 1):
        matcher.set_seq1(line.strip()[:_SHOWN])
        if matcher.real_quick_ratio() > best_ratio and matcher.quick_ratio() > best_ratio:
            ratio = matcher.ratio()
            best, best_ratio = (number, ratio) if ratio > best_ratio else (best, best_ratio)
    return best


def _brief(line: str) -> str:
    plain = line.strip()
    return repr(plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…")


def _hunks(patch: str) -> list[Hunk]:
    lines = patch.split("\n")
    at = next((index for index, line in enumerate(lines) if line.startswith("@@")), None)
    if at is None:
        body = _unheaded(lines)
        return [Hunk(None, body)] if any(line[0] in "+-" for line in body) else []
    hunks: list[Hunk] = []
    while at < len(lines):
        body = _body(lines, at)
        if body:
            header = _HUNK.match(lines[at])
            hunks.append(Hunk(int(header[1]) if header else None, body))
        at += 1
        while at < len(lines) and not lines[at].startswith("@@"):
            at += 1
    return hunks


def _unheaded(lines: list[str]) -> tuple[str, ...]:
    header = next((index for index, line in enumerate(lines) if line.startswith("+++ ")), -1)
    return _prefixed(lines, header + 1)


def _body(lines: list[str], at: int) -> tuple[str, ...]:
    """By its counts where they are right, for then a line "@@" or "-- x" inside is no riddle; else by its prefixes."""
    header = _HUNK.match(lines[at])
    counted = _counted(lines, at + 1, int(header[2] or 1), int(header[4] or 1)) if header else None
    return counted or _prefixed(lines, at + 1)


def _counted(lines: list[str], start: int, old: int, new: int) -> tuple[str, ...] | None:
    body: list[str] = []
    for index in range(start, len(lines)):
        line = lines[index]
        if line.startswith("\\"):
            body.append(line)
        elif old <= 0 and new <= 0:
            follows = line == "" or line.startswith(("@@", "diff ", "--- ", "Index"))
            return tuple(body) if follows and (old, new) == (0, 0) else None
        elif line and line[0] not in " +-":
            return None
        else:
            old -= line[:1] != "+"
            new -= line[:1] != "-"
            body.append(line or " ")
    return tuple(body) if (old, new) == (0, 0) else None


def _prefixed(lines: list[str], start: int) -> tuple[str, ...]:
    body: list[str] = []
    for index in range(start, len(lines)):
        line = lines[index]
        if line and line[0] not in " +-\\":
            break
        body.append(line or " ")
    while body and body[-1] == " ":
        body.pop()
    return tuple(body)


def _index(lines: list[str]) -> dict[str, list[int]]:
    where: dict[str, list[int]] = {}
    for index, line in enumerate(lines):
        where.setdefault(line.removesuffix("\r"), []).append(index)
    return where


def _place(lines: list[str], where: dict[str, list[int]], hunk: Hunk, done: int, drift: int) -> int | _Misfit:
    """Where the hunk goes, not before line `done`: the one place that fits, of several the one that it names."""
    old = [line.removesuffix("\r") for line in hunk.old]
    if not old:
        return 0 if not lines else _Misfit("it has no line of context, so its place is not sure")
    places = _fits(lines, where, old, done)
    if len(places) == 1:
        return places[0]
    if not places:
        earlier = _fits(lines, where, old, 0)
        if earlier:
            return _Misfit("it fits only before the end of an earlier hunk", earlier[0] + 1)
        return _missing("the context", _first_wrong(where, old), lines)
    for named in (hunk.start - 1, hunk.start - 1 + drift) if hunk.start else ():
        if named >= done and _fits_at(lines, old, named):
            return named
    numbers = " and ".join(str(place + 1) for place in places)
    return _Misfit(f"it fits more than one place, such as lines {numbers}; give more lines of context", places[0] + 1)


def _fits(lines: list[str], where: dict[str, list[int]], old: list[str], start: int) -> list[int]:
    """The first two places from `start` on: more are not needed to know that it is not sure."""
    anchor = min(range(len(old)), key=lambda index: len(where.get(old[index], ())))
    places: list[int] = []
    for index in where.get(old[anchor], ()):
        if index - anchor >= start and _fits_at(lines, old, index - anchor):
            places.append(index - anchor)
            if len(places) == 2:
                break
    return places


def _fits_at(lines: list[str], old: list[str], place: int) -> bool:
    if place < 0 or place + len(old) > len(lines):
        return False
    return all(lines[place + at].removesuffix("\r") == line for at, line in enumerate(old))


def _first_wrong(where: dict[str, list[int]], old: list[str]) -> list[str]:
    """The lines of the context that are nowhere in the file; when each is somewhere, all of it."""
    return [line for line in old if line not in where] or old


def _after(lines: list[str], place: int, hunk: Hunk, crlf: bool) -> list[str]:
    result: list[str] = []
    for line in hunk.lines:
        if line[0] == "+":
            result.append(line[1:] + "\r" if crlf else line[1:])
        elif line[0] == " ":
            result.append(lines[place])
        place += line[0] in " -"
    return result


def _ends_with_newline(hunk: Hunk, at_end: bool, before: bool) -> bool:
    if not at_end:
        return before
    marked = {
        above[0]
        for above, line in zip(hunk.lines, hunk.lines[1:], strict=False)
        if line.startswith("\\") and not above.startswith("\\")
    }
    if marked & {"+", " "}:
        return False
    return before or "-" in marked


def _kept_ends(text: str) -> list[str]:
    """Lines by newlines only: str.splitlines also cuts at form feeds and the like."""
    lines = [line + "\n" for line in text.split("\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _is_crlf(text: str) -> bool:
    """Whether every line of it ends so; a file that mixes both is taken as it is."""
    return "\r\n" in text and text.count("\n") == text.count("\r\n")


def _lf(text: str) -> str:
    return text.replace("\r\n", "\n")


def _lf_edit(edit: Edit) -> Edit:
    return Edit(_lf(edit.search), _lf(edit.replace))
