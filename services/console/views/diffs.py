"""A unified diff, line by line, with what each line is."""

from typing import Literal, NamedTuple

MOST_LINES = 2_000  # of one file; what is longer is read elsewhere


class DiffLine(NamedTuple):
    """kind: `head` for the names of files, `place` for where a hunk stands."""

    kind: Literal["head", "place", "added", "removed", "same", "more"]
    text: str


def lines_of(diff: str) -> list[DiffLine]:
    """Lines end where git ends them; other characters that break lines belong to the text."""
    lines = diff.removesuffix("\n").split("\n") if diff else []
    shown, is_head = [], True
    for line in lines[:MOST_LINES]:
        is_head = is_head and not line.startswith("@@")
        shown.append(DiffLine("head" if is_head else _kind(line), line))
    left = len(lines) - len(shown)
    return [*shown, DiffLine("more", f"{left:,} more lines are not shown")] if left else shown


def _kind(line: str) -> Literal["place", "added", "removed", "same"]:
    if line.startswith("@@"):
        return "place"
    return "added" if line.startswith("+") else "removed" if line.startswith("-") else "same"
