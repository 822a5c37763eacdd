"""Pure: why a change goes nowhere, in words from which it can be mended."""

import difflib
from collections.abc import Sequence
from typing import NamedTuple

MAX_FINDINGS = 5
MAX_CHANGES = 1_000  # edits or hunks for one file; hostile answers would hold many more
NEAREST_LINES_READ = 5_000
_SHOWN = 120


class Misfit(NamedTuple):
    reason: str
    line: int | None = None


def missing(what: str, wanted: Sequence[str], lines: Sequence[str]) -> Misfit:
    sought = next((line for line in wanted if line.strip()), "")
    near = _nearest(sought, lines)
    if near is None:
        return Misfit(f"{what} does not occur: {brief(sought)}; no line is like it")
    return Misfit(f"{what} does not occur: {brief(sought)}; nearest is line {near}: {brief(lines[near - 1])}", near)


def _nearest(sought: str, lines: Sequence[str]) -> int | None:
    matcher = difflib.SequenceMatcher(b=sought.strip()[:_SHOWN], autojunk=False)
    best, best_ratio = None, 0.4
    for number, line in enumerate(lines[:NEAREST_LINES_READ], 1):
        matcher.set_seq1(line.strip()[:_SHOWN])
        if matcher.real_quick_ratio() > best_ratio and matcher.quick_ratio() > best_ratio:
            ratio = matcher.ratio()
            best, best_ratio = (number, ratio) if ratio > best_ratio else (best, best_ratio)
    return best


def brief(line: str) -> str:
    plain = line.strip()
    return repr(plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…")
