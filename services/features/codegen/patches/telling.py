"""Pure: tell a change as a diff."""

import difflib
from collections.abc import Sequence
from itertools import accumulate

from services.features.codegen.patches.texts import kept_ends

MAX_DIFF_STEPS = 5_000_000  # a few seconds
_NO_NEWLINE = "\\ No newline at end of file"


def unified_diff(before: str | None, after: str, path: str) -> str:
    """As git shows it: /dev/null for a new file, and the mark of a last line without a newline. What texts have in
    common is looked for within limits; where they end, the rest is told as replaced."""
    old, new = kept_ends(before or ""), kept_ends(after)
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
