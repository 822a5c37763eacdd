"""Pure: the part of a file that matters, when the whole does not fit."""

from services.features.codegen.reading.words import words

_HEAD_LINES = 12  # imports and what the file is
_AROUND = 8  # lines before and after a match
_LINE_CHARS = 400
_MARK_BYTES = 48  # of a mark, at most


def estimated_tokens(text: str) -> int:
    """About four bytes a token: near enough for code, and never asks anybody."""
    return (len(text.encode()) + 3) // 4


def excerpt(text: str, wanted: frozenset[str], max_tokens: int) -> str:
    """The head and the lines around the best matches, in their order, with a mark wherever lines are left out.

    Empty when not even that fits.
    """
    lines = [_shortened(line) for line in text.splitlines()]
    kept: set[int] = set()
    cost = 0
    budget = max_tokens * 4
    for place in _by_worth(lines, wanted):
        fresh = [index for index in place if index not in kept]
        price = sum(len(lines[index].encode()) + 1 for index in fresh) + _MARK_BYTES
        if cost + price > budget:
            continue
        kept.update(fresh)
        cost += price
    return _joined(lines, kept)


def _by_worth(lines: list[str], wanted: frozenset[str]) -> list[range]:
    """Places to keep: the head, then around the lines with the most different words of the wish, then what follows
    the head."""
    scored = [(len(wanted.intersection(words(line))), index) for index, line in enumerate(lines)]
    best = sorted((entry for entry in scored if entry[0]), key=lambda entry: (-entry[0], entry[1]))
    around = [range(max(0, index - _AROUND), min(len(lines), index + _AROUND + 1)) for _, index in best]
    rest = [range(start, min(len(lines), start + 20)) for start in range(_HEAD_LINES, len(lines), 20)]
    return [range(min(_HEAD_LINES, len(lines))), *around, *rest]


def _joined(lines: list[str], kept: set[int]) -> str:
    parts, missing = [], 0
    for index, line in enumerate(lines):
        if index not in kept:
            missing += 1
            continue
        if missing:
            parts.append(_mark(missing))
            missing = 0
        parts.append(line)
    if missing and parts:
        parts.append(_mark(missing))
    return "\n".join(parts)


def _mark(number: int) -> str:
    return f"[… {number} line{'s' if number > 1 else ''} left out …]"


def _shortened(line: str) -> str:
    return line if len(line) <= _LINE_CHARS else line[:_LINE_CHARS] + " [… rest of the line left out …]"
