"""Pure: what a model thought, taken out of its text: a draft within thoughts is no file and no plan.

Marks count where they stand outside of fenced blocks and begin their line; a file may be about them.
"""

import re
from typing import NamedTuple

from services.features.codegen.answers.markers import Fence, closes, fence_of

_MAX_MARKS_IN_LINE = 100
_NAMES = r"think|thinking|thoughts?|reasoning|reflection|scratchpad|seed:think"
_OPENING = re.compile(
    rf"[ \t]*+(?:<({_NAMES})>|(\[THINK\])|(◁think▷)|(<\|channel\|>analysis<\|message\|>))", re.IGNORECASE
)
_CLOSING = re.compile(rf"[ \t]*+(?:</(?:{_NAMES})>|\[/THINK\]|◁/think▷)", re.IGNORECASE)
_CLOSING_AT_END = re.compile(r"</think(?:ing)?>[ \t]*+$", re.IGNORECASE)
_CLOSINGS = ("[/think]", "◁/think▷", "<|channel|>final<|message|>")
_MAY_HOLD_MARK = re.compile(rf"</?(?:{_NAMES})>|\[/?THINK\]|◁/?think▷|<\|channel\|>", re.IGNORECASE)


class _Opened(NamedTuple):
    closing: str  # in small letters
    rest: str


def without_thoughts(text: str) -> str:
    """What was not done being thought has no end: nothing follows it. Thoughts whose opening mark was in the prompt end
    at their closing one."""
    if not _MAY_HOLD_MARK.search(text):
        return text
    kept: list[str] = []
    fence: Fence | None = None
    closing = ""
    had_thoughts = False
    for line in text.split("\n"):
        if fence is not None:
            fence = None if closes(line, fence) else fence
            kept.append(line)
            continue
        rest, closing, changed = _read(line, closing)
        if not had_thoughts and not changed and not closing and (after := _after_unopened(line)) is not None:
            kept, rest, changed = [], after, True
        had_thoughts |= changed
        if not changed or rest.strip():
            kept.append(rest)
            fence = fence_of(rest)
    return "\n".join(kept)


def _read(line: str, closing: str) -> tuple[str, str, bool]:
    """What of a line is not thought, what mark is waited for behind it, and whether anything was."""
    changed = bool(closing)
    for _ in range(_MAX_MARKS_IN_LINE):
        if closing:
            at = line.lower().find(closing)
            if at < 0:
                return "", closing, True
            line, closing = line[at + len(closing) :], ""
        opened = _opened(line)
        if opened is None:
            break
        line, closing, changed = opened.rest, opened.closing, True
    return line, closing, changed


def _opened(line: str) -> _Opened | None:
    found = _OPENING.match(line)
    if found is None:
        return None
    closing = f"</{found[1].lower()}>" if found[1] else _CLOSINGS[(found.lastindex or 2) - 2]
    return _Opened(closing, line[found.end() :])


def _after_unopened(line: str) -> str | None:
    if found := _CLOSING.match(line):
        return line[found.end() :]
    return "" if _CLOSING_AT_END.search(line[-80:]) else None
