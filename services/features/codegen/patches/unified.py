"""Pure: change a text by a unified diff, as tools and as models write it."""

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.features.codegen.patches.misfits import MAX_CHANGES, Misfit, missing
from services.features.codegen.patches.texts import is_crlf, lf
from services.features.codegen.values import Finding

_HUNK = re.compile(r"@@ ?-(\d{1,7})(?:,(\d{1,7}))? \+(\d{1,7})(?:,(\d{1,7}))? ?@@")
_HEADERS = ("--- ", "+++ ", "diff ", "index ", "Index: ", "====")
_END_OF_FILE = "*** End of File"
_MAX_ANCHOR = 400


class Hunk(NamedTuple):
    """start: the line (from 1) at which it says it begins, None when it does not say. lines: with their prefix.
    anchors: lines that it says it stands below, where it has no number."""

    start: int | None
    lines: tuple[str, ...]
    anchors: tuple[str, ...] = ()

    @property
    def old(self) -> list[str]:
        return [line[1:] for line in self.lines if line[0] in " -"]


class _Target(NamedTuple):
    """A file, by its lines. where: of each line, without its end; below: the same without its indentation."""

    lines: list[str]
    where: Mapping[str, list[int]]
    below: Mapping[str, list[int]]


def apply_unified(before: str, patch: str, path: str = "") -> str | tuple[Finding, ...]:
    """Every line of context must be there. Line numbers only choose between places that fit equally."""
    hunks = _hunks(lf(patch).split("\n"))
    if not hunks:
        return (Finding(path, "patch", "the patch holds no hunk"),)
    if len(hunks) > MAX_CHANGES:
        return (Finding(path, "patch", f"more than {MAX_CHANGES} hunks for one file"),)
    lines = before.split("\n")
    newline = lines[-1] == ""
    lines = lines[:-1] if newline else lines
    crlf = is_crlf(before)
    target = _target(lines, hunks)
    result: list[str] = []
    done, drift = 0, 0
    for number, hunk in enumerate(hunks, 1):
        place = _place(target, hunk, done, drift)
        if isinstance(place, Misfit):
            return (Finding(path, "patch", f"hunk {number}: {place.reason}", place.line),)
        end = place + len(hunk.old)
        ends_so = crlf or (end > place and all(line.endswith("\r") for line in lines[place:end]))
        result += lines[done:place] + _after(lines, place, hunk, ends_so)
        done = end
        drift = place - (hunk.start - 1) if hunk.start else drift
    result += lines[done:]
    if not result:
        return ""
    ended = _ends_with_newline(hunks[-1], done == len(lines), newline or not lines)
    return "\n".join(result) + "\n" if ended else "\n".join(result).removesuffix("\r")


def _hunks(lines: list[str]) -> list[Hunk]:
    """What stands before the first header is a hunk as well, when it changes anything."""
    at = next((index for index, line in enumerate(lines) if line.startswith("@@")), len(lines))
    first = _prefixed(lines, _headers_end(lines, at), at)
    hunks = [Hunk(None, first)] if any(line[0] in "+-" for line in first) else []
    anchors: list[str] = []
    while at < len(lines):
        header = _HUNK.match(lines[at])
        anchors += [] if header else _anchor(lines[at])
        end = next((index for index in range(at + 1, len(lines)) if lines[index].startswith("@@")), len(lines))
        body, end = _body(lines, at, end)
        if body:
            hunks.append(Hunk(int(header[1]) if header else None, body, tuple(anchors)))
            anchors = []
        at = end
    return hunks


def _headers_end(lines: list[str], end: int) -> int:
    at = 0
    while at < end and (not lines[at].strip() or lines[at].startswith(_HEADERS)):
        at += 1
    return at


def _anchor(header: str) -> list[str]:
    """`@@ def f():` and `@@ ... @@ def f():`: a line above the hunk."""
    text = header.strip("@ .\t")
    return [text] if len(text) <= _MAX_ANCHOR and any(character.isalnum() for character in text) else []


def _body(lines: list[str], at: int, end: int) -> tuple[tuple[str, ...], int]:
    """By its counts where they are right, for then a line "@@" or "-- x" inside is no riddle; else by its prefixes, up
    to the next header. Nothing that may be of the hunk is left behind: half a hunk is another change."""
    header = _HUNK.match(lines[at])
    counted = _counted(lines, at + 1, int(header[2] or 1), int(header[4] or 1)) if header else None
    if counted is not None:
        return counted
    return _prefixed(lines, at + 1, end), end


def _counted(lines: list[str], start: int, old: int, new: int) -> tuple[tuple[str, ...], int] | None:
    body: list[str] = []
    for index in range(start, len(lines)):
        line = lines[index]
        if line.startswith("\\"):
            body.append(line)
        elif old <= 0 and new <= 0:
            return (tuple(body), _rest(lines, index)) if (old, new) == (0, 0) and _rest(lines, index) >= 0 else None
        elif line and line[0] not in " +-":
            return None
        else:
            old -= line[:1] != "+"
            new -= line[:1] != "-"
            body.append(line or " ")
    return (tuple(body), len(lines)) if (old, new) == (0, 0) else None


def _rest(lines: list[str], at: int) -> int:
    """Where the next hunk begins after one that is full; -1 when there is more of it than it counts."""
    while at < len(lines) and not lines[at].startswith("@@"):
        if lines[at].strip() and not lines[at].startswith(_HEADERS) and lines[at] != _END_OF_FILE:
            return -1
        at += 1
    return at


def _prefixed(lines: list[str], start: int, end: int) -> tuple[str, ...]:
    """A line without a prefix is one of context that lost it: it has to be there like all others."""
    body: list[str] = []
    for index in range(start, end):
        line = lines[index]
        if line != _END_OF_FILE:
            body.append(line if line[:1] in (" ", "+", "-", "\\") else f" {line}")
    while body and body[-1] == " ":
        body.pop()
    return tuple(body)


def _target(lines: list[str], hunks: Sequence[Hunk]) -> _Target:
    where: dict[str, list[int]] = {}
    below: dict[str, list[int]] = {}
    has_anchors = any(hunk.anchors for hunk in hunks)
    for index, line in enumerate(lines):
        where.setdefault(line.removesuffix("\r"), []).append(index)
        if has_anchors:
            below.setdefault(line.strip(), []).append(index)
    return _Target(lines, where, below)


def _place(target: _Target, hunk: Hunk, done: int, drift: int) -> int | Misfit:
    """Where the hunk goes, not before line `done`: the one place that fits, of several the one that it names."""
    old = [line.removesuffix("\r") for line in hunk.old]
    if not old:
        return 0 if not target.lines else Misfit("it has no line of context, so its place is not sure")
    places = _fits(target, old, done)
    if len(places) == 1:
        return places[0]
    if not places:
        earlier = _fits(target, old, 0)
        if earlier:
            return Misfit("it fits only before the end of an earlier hunk", earlier[0] + 1)
        return missing("the context", _first_wrong(target, old), target.lines)
    for named in (hunk.start - 1, hunk.start - 1 + drift) if hunk.start else ():
        if named >= done and _fits_at(target.lines, old, named):
            return named
    if (anchored := _anchored(target, hunk, old, done)) is not None:
        return anchored
    numbers = " and ".join(str(place + 1) for place in places)
    return Misfit(f"it fits more than one place, such as lines {numbers}; give more lines of context", places[0] + 1)


def _anchored(target: _Target, hunk: Hunk, old: list[str], done: int) -> int | None:
    """The first place below its anchors, when each of them is one line."""
    start = done
    for anchor in hunk.anchors:
        found = target.below.get(anchor, [])
        at = bisect_left(found, start)
        if at != len(found) - 1:
            return None
        start = found[at]
    places = _fits(target, old, start) if hunk.anchors else []
    return places[0] if places else None


def _fits(target: _Target, old: list[str], start: int) -> list[int]:
    """The first two places from `start` on: more are not needed to know that it is not sure."""
    anchor = min(range(len(old)), key=lambda index: len(target.where.get(old[index], ())))
    places: list[int] = []
    for index in target.where.get(old[anchor], ()):
        if index - anchor >= start and _fits_at(target.lines, old, index - anchor):
            places.append(index - anchor)
            if len(places) == 2:
                break
    return places


def _fits_at(lines: list[str], old: list[str], place: int) -> bool:
    if place < 0 or place + len(old) > len(lines):
        return False
    return all(lines[place + at].removesuffix("\r") == line for at, line in enumerate(old))


def _first_wrong(target: _Target, old: list[str]) -> list[str]:
    """The lines of the context that are nowhere in the file; when each is somewhere, all of it."""
    return [line for line in old if line not in target.where] or old


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
