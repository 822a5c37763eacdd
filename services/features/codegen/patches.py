"""Pure: change a text by search/replace blocks or a unified diff, and tell a change as a diff.

A change goes where it fits in exactly one place, or nowhere: what could hit the wrong place is a finding.
"""

import difflib
import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import NamedTuple

from services.features.codegen.values import Finding

MAX_FINDINGS = 5
MAX_PLACES = 1_000  # of one search text that are looked at
MAX_CHANGES = 1_000  # edits or hunks for one file; hostile answers would hold many more
MAX_LOOSE = 50  # edits that fit only loosely, or can be read in many ways: each costs a walk over all lines
NEAREST_LINES_READ = 5_000
MAX_DIFF_STEPS = 5_000_000  # a few seconds
MAX_INDENT = 400
_SHOWN = 120
_IN_WORD = re.compile(r"(?<=[A-Za-z0-9_])(?=[A-Za-z0-9_])")
_HUNK = re.compile(r"@@ ?-(\d{1,7})(?:,(\d{1,7}))? \+(\d{1,7})(?:,(\d{1,7}))? ?@@")
_NO_NEWLINE = "\\ No newline at end of file"


class Edit(NamedTuple):
    """divider: the line between the two texts, when `replace` holds it too: then either may be what divides them."""

    search: str
    replace: str
    divider: str = ""


class Hunk(NamedTuple):
    """start: the line (from 1) at which it says it begins, None when it does not say. lines: with their prefix."""

    start: int | None
    lines: tuple[str, ...]

    @property
    def old(self) -> list[str]:
        return [line[1:] for line in self.lines if line[0] in " -"]


def apply_edits(before: str, edits: Sequence[Edit], path: str = "") -> str | tuple[Finding, ...]:
    """Each search text must occur once, as whole lines or else within one line that stays one; if it does not occur,
    then once without regard to indentation and to spaces at the ends of lines. A file with CRLF keeps it."""
    crlf = _is_crlf(before)
    text = _lf(before) if crlf else before
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
    """As git shows it: /dev/null for a new file, and the mark of a last line without a newline. What texts have in
    common is looked for within limits; where they end, the rest is told as replaced."""
    old, new = _kept_ends(before or ""), _kept_ends(after)
    lines: list[str] = []
    for group in _Matcher(old, new).get_grouped_opcodes():
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@\n")
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                lines += [f" {line}" for line in old[old_start:old_end]]
            else:
                lines += [f"-{line}" for line in old[old_start:old_end]]
                lines += [f"+{line}" for line in new[new_start:new_end]]
    if not lines:
        return ""
    header = f"--- {'/dev/null' if before is None else f'a/{path}'}\n+++ b/{path}\n"
    return header + "".join(line if line.endswith("\n") else f"{line}\n{_NO_NEWLINE}\n" for line in lines)


class _Matcher(difflib.SequenceMatcher[str]):
    """Gives up looking after some seconds: the time that difflib takes may grow with the third power of the lines."""

    b2j: dict[str, list[int]]  # where each line of the new text is

    def __init__(self, old: Sequence[str], new: Sequence[str]) -> None:
        super().__init__(None, old, new)
        # Each line costs a step, and one more for every place in the other text where it occurs.
        self._steps = [0, *accumulate(1 + len(self.b2j.get(line, ())) for line in old)]
        self._steps_left = MAX_DIFF_STEPS

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> difflib.Match:
        self._steps_left -= self._steps[-1 if ahi is None else ahi] - self._steps[alo]
        return super().find_longest_match(alo, ahi, blo, bhi) if self._steps_left >= 0 else difflib.Match(alo, blo, 0)


def _range(start: int, end: int) -> str:
    """As difflib writes it: a single line without its count, no lines after the one before them."""
    length = end - start
    return f"{start + 1}" if length == 1 else f"{start + 1 if length else start},{length}"


class _Misfit(NamedTuple):
    reason: str
    line: int | None = None


def _divided(text: str, edit: Edit) -> str | _Misfit:
    """The longest search text that occurs once: where the file goes on past a divider as the block does, the line is
    the file's own."""
    for reading in _readings(edit):
        if isinstance(outcome := _edited(text, reading), str):
            return outcome
    return _Misfit(
        f"its block holds the line {edit.divider} more than once, and no search text that ends at one of them occurs "
        "exactly once; copy other lines, or give the whole file"
    )


def _readings(edit: Edit) -> Iterator[Edit]:
    lines = _kept_ends(edit.replace)
    dividers = [at for at, line in enumerate(lines) if line.rstrip() == edit.divider]
    for at in reversed(dividers):
        yield Edit(f"{edit.search}{edit.divider}\n{''.join(lines[:at])}", "".join(lines[at + 1 :]))
    yield Edit(edit.search, edit.replace)


def _edited(text: str, edit: Edit) -> str | _Misfit | None:
    """None when the search text does not occur."""
    if not edit.search.strip():
        return edit.replace if not text.strip() else _Misfit("the search text is empty")
    places = _places(text, edit)
    if len(places) > 1:
        return _Misfit(_often(text, places), _line_of(text, places[0]))
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
    return edit._replace(search=_lf(edit.search), replace=_lf(edit.replace))
