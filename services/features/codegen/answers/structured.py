"""Pure: the answer that was asked for as JSON, wherever it stands in the text and wherever it was cut."""

import re
from collections.abc import Callable
from typing import Any

from services.features.codegen.answers.lenient_json import (
    Budget,
    CutObject,
    NotJsonError,
    is_cut,
    read_json,
    without_escaped_halves,
)
from services.features.codegen.answers.values import Answer, AnswerFile
from services.features.codegen.patches import Edit
from services.features.codegen.paths import shown
from services.features.codegen.values import Action, Finding

MAX_PLACES = 16  # at which JSON is looked for in one text
MAX_ITEMS = 50  # of a list of sentences
MAX_SENTENCE = 2_000

_START = re.compile(r'[\[{]\s*+(?:\{\s*+)?"(?:files|path|file|action|summary|filename|file_path)"\s*+:')
_PATH = re.compile(r"[\w@.+/-]{0,400}[\w@+-]\.[A-Za-z]\w{0,9}")
_OPENING = re.compile(r"(?:\A|```[a-zA-Z]{0,10}[ \t]*+\r?\n)\s*+(?=[\[{])")
_PATH_KEYS = ("path", "file_path", "filename", "file")
_ACTIONS: dict[str, Action] = {
    "create": "create", "add": "create", "new": "create",
    "edit": "edit", "modify": "edit", "update": "edit", "replace": "edit",
}  # fmt: skip


def read_structured(text: str, holds_files: Callable[[str], bool]) -> tuple[Answer, int] | None:
    """The answer and where it ends. None when there is none, or when the text before it already gives files in another
    form: then the JSON is a part of one of these."""
    budget = Budget()
    json_text = without_escaped_halves(text)
    for start in _places(text):
        try:
            value, end = read_json(json_text, start, budget)
        except NotJsonError:
            continue
        if (found := _answer(value)) is not None:
            return None if start and holds_files(text[:start]) else (found, end)
    return None


def action_of(word: object) -> Action | None:
    return _ACTIONS.get(word.strip().lower()) if isinstance(word, str) else None


def _places(text: str) -> list[int]:
    places: set[int] = set()
    for pattern, at_end in ((_OPENING, True), (_START, False)):
        for count, found in enumerate(pattern.finditer(text)):
            if count == MAX_PLACES // 2:
                break
            places.add(found.end() if at_end else found.start())
    return sorted(places)


def _answer(value: Any) -> Answer | None:
    match value:
        case {"files": list() | dict() as files}:
            return _of_object(value, _entries(files), is_cut(files))
        case list() if any(_is_file(item) for item in value):
            return _of_object({}, list(value), is_cut(value))
        case dict() if _is_file(value):
            return _of_object({}, [value], is_cut(value))
        case dict() if value and all(map(_is_text_by_path, value.items())):
            return _of_object({}, _entries(value), is_cut(value))
    return None


def _is_text_by_path(item: tuple[str, Any]) -> bool:
    """Of {"src/a.py": "its lines\\n"}; other objects have names and values of one line."""
    path, text = item
    return _PATH.fullmatch(path) is not None and isinstance(text, str) and ("\n" in text or is_cut(text))


def _entries(files: list[Any] | dict[str, Any]) -> list[Any]:
    """Also {"path": "content"} and {"path": {...}}, which models write in place of a list."""
    if isinstance(files, list):
        return list(files)
    return [_entry(path, item) for path, item in files.items()]


def _entry(path: str, item: Any) -> Any:
    if isinstance(item, dict):
        item.setdefault("path", path)
        return item
    entry = {"path": path, "content": item}
    return CutObject(entry) if is_cut(item) else entry


def _of_object(value: dict[str, Any], entries: list[Any], cut: bool) -> Answer:
    files: list[AnswerFile] = []
    findings: list[Finding] = []
    cut_path: str | None = None
    for number, entry in enumerate(entries, 1):
        if is_cut(entry):
            cut, cut_path = True, _whole_path(entry)
            continue
        file = _file(entry, number)
        if isinstance(file, Finding):
            findings.append(file)
        else:
            files.append(file)
    return Answer(
        files=tuple(files),
        cut=cut,
        cut_path=cut_path,
        summary=_sentence(value.get("summary")),
        integration_instructions=_sentences(value.get("integration_instructions")),
        next_steps=_sentences(value.get("next_steps")),
        estimated_impact=_sentence(value.get("estimated_impact")),
        findings=tuple(findings),
    )


def _whole_path(entry: Any) -> str | None:
    path = _path(entry) if isinstance(entry, dict) else None
    return None if path is None or is_cut(path) else path


def _file(entry: Any, number: int) -> AnswerFile | Finding:
    if not isinstance(entry, dict) or (path := _path(entry)) is None:
        return Finding("", "empty", f"entry {number} of files has no path")
    action = action_of(entry.get("action"))
    if entry.get("action") not in (None, "") and action is None:
        return Finding(shown(path), "path", "its action is neither create nor edit")
    content, patch = entry.get("content"), entry.get("patch")
    edits = _edits(entry.get("edits"))
    if isinstance(edits, Finding):
        return Finding(shown(path), edits.kind, edits.message)
    if isinstance(patch, str) and patch.strip():
        return AnswerFile(path, action, patch=patch)
    if edits:
        return AnswerFile(path, action, edits=edits)
    if isinstance(content, str):
        return AnswerFile(path, action, content=content)
    return Finding(shown(path), "empty", "it has neither content nor edits nor a patch")


def _edits(value: Any) -> tuple[Edit, ...] | Finding:
    if value is None:
        return ()
    edits: list[Edit] = []
    for number, item in enumerate(value if isinstance(value, list) else [value], 1):
        match item:
            case {"search": str() as search, "replace": str() as replace}:
                edits.append(Edit(search, replace))
            case _:
                return Finding("", "patch", f"edit {number} is not an object of search and replace")
    return tuple(edits)


def _is_file(item: Any) -> bool:
    return isinstance(item, dict) and _path(item) is not None and bool({"content", "edits", "patch"} & item.keys())


def _path(item: dict[str, Any]) -> str | None:
    return next((item[key] for key in _PATH_KEYS if isinstance(item.get(key), str)), None)


def _sentence(value: Any) -> str:
    return value.strip()[:MAX_SENTENCE] if isinstance(value, str) else ""


def _sentences(value: Any) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    return tuple(filter(None, map(_sentence, items[:MAX_ITEMS])))
