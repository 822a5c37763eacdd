"""Scripts: answers that a test has written, given by the models `script-<name>`, and what those were asked.

`PUT /scripts/<name>` with {"answers": [{"when", "text", "finish_reason", "delay_ms", "times"}]} stores one, and begins
it anew. A call gets the first answer whose `when` occurs in the text of its messages and that has uses left; `times`
null is without limit. `GET /scripts/<name>` tells {"asked": [texts], "given": [which answer each got, or null]}.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.model_server.errors import ErrorAnswer, invalid_request, not_found

PATH = "/scripts/"
MODEL = "script-"
MAX_SCRIPTS = 200  # then the oldest is forgotten
MAX_SCRIPT_BYTES = 8 * 1024 * 1024
MAX_ASKED_CHARACTERS = 16 * 1024 * 1024  # of one script; then it tells no more
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_MAX_DELAY_MS = 600_000
_FINISH_REASONS = ("stop", "length")


@dataclass(frozen=True, slots=True)
class ScriptedAnswer:
    """`times` is None when it may be given without limit."""

    when: str = ""
    text: str = ""
    finish_reason: str = "stop"
    delay_ms: int = 0
    times: int | None = None


@dataclass(slots=True)
class Script:
    answers: tuple[ScriptedAnswer, ...]
    asked: list[str] = field(default_factory=list)
    given: list[int | None] = field(default_factory=list)
    characters: int = 0

    def next(self, asked: str) -> ScriptedAnswer | None:
        """None when no answer is left for what is asked."""
        index = next(
            (i for i, answer in enumerate(self.answers) if answer.when in asked and self._has_uses_left(i)), None
        )
        self.given.append(index)
        self.characters += len(asked)
        if self.characters <= MAX_ASKED_CHARACTERS:
            self.asked.append(asked)
        return None if index is None else self.answers[index]

    def _has_uses_left(self, index: int) -> bool:
        times = self.answers[index].times
        return times is None or self.given.count(index) < times


class Scripts:
    def __init__(self) -> None:
        self._scripts: dict[str, Script] = {}

    def put(self, name: str, body: bytes) -> ErrorAnswer | None:
        """What is wrong with it, if anything."""
        if not _NAME.fullmatch(name):
            return invalid_request("name: at most 64 letters, digits, dots, dashes and underscores", "name")
        if len(body) > MAX_SCRIPT_BYTES:
            return invalid_request(f"a script has at most {MAX_SCRIPT_BYTES} bytes")
        try:
            answers = _read(json.loads(body))
        except (ValueError, RecursionError) as error:
            return invalid_request(f"answers: {error}", "answers")
        self._scripts.pop(name, None)
        self._scripts[name] = Script(answers)
        if len(self._scripts) > MAX_SCRIPTS:
            del self._scripts[next(iter(self._scripts))]
        return None

    def record(self, name: str) -> dict[str, object] | ErrorAnswer:
        """What the script was asked, and which of its answers it gave."""
        if (script := self._scripts.get(name)) is None:
            return not_found("GET", PATH + name)
        return {"asked": script.asked, "given": script.given}

    def next(self, model: str, asked: str) -> ScriptedAnswer | None:
        script = self._scripts.get(model.removeprefix(MODEL))
        return None if script is None else script.next(asked)


def _read(body: object) -> tuple[ScriptedAnswer, ...]:
    """Raises ValueError."""
    rows = body.get("answers") if isinstance(body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError('a list of objects is required: {"answers": [{"when": "", "text": ""}]}')
    return tuple(_answer(row) for row in rows)


def _answer(row: Mapping[str, object]) -> ScriptedAnswer:
    if unknown := set(row) - set(ScriptedAnswer.__slots__):
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
    when, text = row.get("when", ""), row.get("text", "")
    if not isinstance(when, str) or not isinstance(text, str):
        raise ValueError("when and text are strings")  # noqa: TRY004 - of what was sent
    finish_reason = row.get("finish_reason", "stop")
    if finish_reason not in _FINISH_REASONS:
        raise ValueError(f"finish_reason is one of {', '.join(_FINISH_REASONS)}")
    times = None if row.get("times") is None else _number(row, "times", 1_000_000)
    return ScriptedAnswer(when, text, str(finish_reason), _number(row, "delay_ms", _MAX_DELAY_MS), times)


def _number(row: Mapping[str, object], name: str, most: int) -> int:
    value = row.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise ValueError(f"{name} is a whole number from 0 to {most}")
    return value
