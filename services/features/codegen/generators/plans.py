"""Pure: which files are to be written, as a model told it; and in which portions they are asked for."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from services.features.codegen.answers.lenient_json import (
    Budget,
    NotJsonError,
    is_cut,
    read_json,
    without_escaped_halves,
    without_halves,
)
from services.features.codegen.answers.thoughts import without_thoughts
from services.features.codegen.paths import allowed, as_spelled, safe_path, shown, taken
from services.features.codegen.values import Action, Constraints, Plan, PlannedFile, Repository, Task

PLAN_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "summary": {"type": "string"},
        "files": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "action": {"type": "string", "enum": ["create", "edit"]},
                    "purpose": {"type": "string"},
                },
                "required": ["path", "action", "purpose"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["summary", "files"],
    "additionalProperties": False,
}

CHARS_PER_TOKEN = 4
NEW_FILE_TOKENS = 1_200  # most new files are shorter
_EDIT_TOKENS = 1_500  # at most: edits name the lines that change, and no others
_FILLED = 0.7  # of an answer, by estimate; what is longer is continued
_MAX_TEXT = 200_000
_MAX_PLACES = 20  # at which JSON is looked for
_MAX_PURPOSE = 500
_OPENING = re.compile(r"[{\[]")
_LINE = re.compile(
    r"[\s>*+#\d.)-]{0,12}(create|edit|add|modify|update)[\s*:]{1,4}[`\"']?([^\s`\"':]{1,300})[`\"']?(.*)", re.I
)


class NoPlan(NamedTuple):
    """Why there is none, in words that a model can act on."""

    reason: str


def read_plan(text: str, task: Task) -> Plan | NoPlan:
    """Takes JSON wherever it stands in the text, or lines as "create path: purpose". Only files that may be written."""
    plain = without_halves(without_thoughts(text)[:_MAX_TEXT])
    named_plan = _json_plan(without_escaped_halves(plain)) or _line_plan(plain)
    if isinstance(named_plan, NoPlan):
        return named_plan
    if named_plan is None:
        return NoPlan('no JSON object with a list "files" could be read')
    summary, named = named_plan
    if not named:
        return NoPlan('the list "files" names no file: each entry needs a "path"')
    files, refused = _sorted_out(named, task.repository, task.constraints)
    if not files:
        return NoPlan(f"none of the paths may be written: {'; '.join(refused[:3])}")
    return Plan(summary, files[: task.constraints.max_files])


def single_shot(wish: str) -> Plan:
    """Of nothing but the wish: all files are asked for at once, and the model says which they are."""
    return Plan(" ".join(wish.split())[:_MAX_PURPOSE], ())


def portions(plan: Plan, repository: Repository, answer_tokens: int) -> tuple[tuple[PlannedFile, ...], ...]:
    """Files in the order of the plan, as many together as an answer is likely to hold. No files: one portion."""
    portions: list[list[PlannedFile]] = [[]]
    room = budget = int(answer_tokens * _FILLED)
    for file in plan.files:
        tokens = estimated_tokens(file, repository)
        if portions[-1] and tokens > room:
            portions.append([])
            room = budget
        portions[-1].append(file)
        room -= tokens
    return tuple(tuple(portion) for portion in portions)


def estimated_tokens(file: PlannedFile, repository: Repository) -> int:
    before = repository.files.get(file.path)
    return NEW_FILE_TOKENS if before is None else min(_EDIT_TOKENS, len(before) // CHARS_PER_TOKEN + 200)


_NamedPlan = tuple[str, list[tuple[str, str]]]


def _json_plan(text: str) -> _NamedPlan | NoPlan | None:
    for value in _values(text):
        if is_cut(value):
            return NoPlan("the answer was cut before its end: name fewer files, with shorter purposes")
        match value:
            case {"files": list() as files} | {"plan": {"files": list() as files}}:
                summary = str(value.get("summary") or "")[:_MAX_PURPOSE]
                return summary, [_named(entry) for entry in files if _path(entry)]
            case list() if any(_path(entry) for entry in value if isinstance(entry, dict)):
                return "", [_named(entry) for entry in value if _path(entry)]
    return None


def _values(text: str) -> Iterator[Any]:
    at, budget = 0, Budget()
    for _ in range(_MAX_PLACES):
        if (found := _OPENING.search(text, at)) is None:
            return
        try:
            value, at = read_json(text, found.start(), budget)
        except NotJsonError:
            at = found.end()
        else:
            yield value


def _path(entry: Any) -> str:
    path = entry.get("path") or entry.get("file") if isinstance(entry, dict) else entry
    return path if isinstance(path, str) else ""


def _named(entry: Any) -> tuple[str, str]:
    purpose = entry.get("purpose") or entry.get("description") or "" if isinstance(entry, dict) else ""
    return _path(entry), str(purpose)


def _line_plan(text: str) -> _NamedPlan | None:
    found = [match for line in text.splitlines()[:1_000] if (match := _LINE.match(line[:1_000]))]
    return ("", [(match[2], match[3].strip(" :-")) for match in found]) if found else None


def _sorted_out(
    named: Sequence[tuple[str, str]], repository: Repository, constraints: Constraints
) -> tuple[tuple[PlannedFile, ...], list[str]]:
    """Whether a file is new the repository says, and not the model."""
    files: dict[str, PlannedFile] = {}
    refused: list[str] = []
    existing = taken(repository.files)
    for written, purpose in named:
        path = safe_path(written)
        if not isinstance(path, str):
            refused.append(f"{path.path}: {path.message}")
        elif not allowed(path, constraints):
            refused.append(f"{shown(path)}: not in the paths that may be written")
        else:
            path = as_spelled(path, existing)
            action: Action = "edit" if path in repository.files else "create"
            files.setdefault(path, PlannedFile(path, action, " ".join(purpose.split())[:_MAX_PURPOSE]))
    return tuple(files.values()), refused
