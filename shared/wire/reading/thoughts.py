"""What a model thinks, told apart from its answer where an endpoint leaves both in one text.

Reasoning models write their thoughts between two marks before they answer. Servers that know the model take them out;
others pass them on. Only marks at the start of a text are marks: anywhere else, the model may be writing about them.
"""

import re
from typing import NamedTuple


class _Marks(NamedTuple):
    opening: str
    closing: str


# DeepSeek R1, Qwen and most; prompts that ask for it; Gemma; Seed; Magistral; Kimi-VL; gpt-oss, without its server.
_MARKS = (
    _Marks("<think>", "</think>"),
    _Marks("<thinking>", "</thinking>"),
    _Marks("<thought>", "</thought>"),
    _Marks("<seed:think>", "</seed:think>"),
    _Marks("[THINK]", "[/THINK]"),
    _Marks("◁think▷", "◁/think▷"),
    _Marks("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
)
_FIRST = frozenset(marks.opening[0] for marks in _MARKS)
_LONGEST = max(len(mark) for marks in _MARKS for mark in marks)
_LONGEST_SPACE = 1000  # before a mark
_MOST_BLOCKS = 100  # of thoughts, one after the other
# The opening mark may have been in the prompt. The closing one then begins or ends its line: looked for only in a text
# that holds one, as this search takes 25 times as long as that of a few words.
_UNOPENED_MARKS = ("</think>", "[/THINK]", "◁/think▷")
_UNOPENED = re.compile(r"(?:^|\n)[ \t]*(?:</think>|\[/THINK\]|◁/think▷)|</think>[ \t]*(?=\n|$)")


def answer_in(text: str) -> str:
    """The text without what the model thought before it; nothing when it had not done thinking."""
    reader = AnswerReader()
    answer = reader.add(text) + reader.end()
    may_be_unopened = not reader.had_thoughts and any(mark in answer for mark in _UNOPENED_MARKS)
    if not may_be_unopened or (found := _UNOPENED.search(answer)) is None:
        return answer
    before = answer[: found.start()]
    is_quoted = before.count("```") % 2 == 1 or any(marks.opening in before for marks in _MARKS)
    return answer if is_quoted else answer[found.end() :].lstrip()


class AnswerReader:
    """Of a text that comes in pieces: what of each is the answer. had_thoughts: it began with an opening mark."""

    def __init__(self) -> None:
        self._held = ""  # what may be the beginning of a mark
        self._closing: str | None = None  # of the thoughts that have begun
        self._answering = False
        self._blocks = 0

    @property
    def had_thoughts(self) -> bool:
        return self._blocks > 0

    def add(self, piece: str) -> str:
        if self._answering:
            return piece
        self._held += piece
        while self._goes_on():
            pass
        return self._taken() if self._answering else ""

    def end(self) -> str:
        """What was held back and turns out to be of the answer."""
        return "" if self._closing is not None else self._taken()

    def _goes_on(self) -> bool:
        """Whether a mark was found, after which there may be another one."""
        return self._opens() if self._closing is None else self._closes(self._closing)

    def _opens(self) -> bool:
        start = self._held.lstrip()
        if start and start[0] not in _FIRST:
            self._answering = True
            return False
        for marks in _MARKS:
            if start.startswith(marks.opening):
                self._closing, self._held = marks.closing, start[len(marks.opening) :]
                self._blocks += 1
                return self._blocks < _MOST_BLOCKS
        may_open = any(marks.opening.startswith(start) for marks in _MARKS) and len(self._held) < _LONGEST_SPACE
        self._answering = not may_open
        return False

    def _closes(self, closing: str) -> bool:
        _, found, after = self._held.partition(closing)
        if not found:
            self._held = self._held[-_LONGEST:]
            return False
        self._held, self._closing = after, None
        return True

    def _taken(self) -> str:
        taken, self._held = self._held, ""
        return taken.lstrip() if self.had_thoughts else taken
