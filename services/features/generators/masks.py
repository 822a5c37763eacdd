"""Pure: the marks that stand for secrets in what a model was shown, and the lines that they stand for.

A model that copies a line with a mark means the line as it is. It goes back into the same file, and no other.
"""

from collections.abc import Mapping
from dataclasses import replace

from services.features.answers import Answer, AnswerFile
from services.features.patches import Edit
from services.features.paths import safe_path
from services.features.reading.secrets import MARK, remove_secrets
from services.features.values import Draft, Finding, Repository


def unmasked(answer: Answer, repository: Repository) -> Answer:
    return replace(answer, files=tuple(_unmasked(file, repository) for file in answer.files))


def masked(draft: Draft) -> tuple[Finding, ...]:
    """What would be written over a secret, or instead of one."""
    message = f"holds {MARK}...», which stands for a secret that was not shown: leave its lines out of the edits"
    return tuple(
        Finding(file.path, "patch", message)
        for file in draft.files
        if MARK in file.content and MARK not in (file.before or "")
    )


def _unmasked(file: AnswerFile, repository: Repository) -> AnswerFile:
    path = safe_path(file.path)
    before = repository.files.get(path) if isinstance(path, str) else None
    if before is None or not _speaks_of_marks(file):
        return file
    lines = _lines_by_mask(str(path), before)
    return replace(
        file,
        content=None if file.content is None else _restored(file.content, lines),
        edits=tuple(Edit(_restored(edit.search, lines), _restored(edit.replace, lines)) for edit in file.edits),
        patch=None if file.patch is None else _restored(file.patch, lines),
    )


def _speaks_of_marks(file: AnswerFile) -> bool:
    return any(
        MARK in text for text in (file.content or "", file.patch or "", *(part for edit in file.edits for part in edit))
    )


def _lines_by_mask(path: str, before: str) -> Mapping[str, str]:
    """Nothing when a secret is longer than its line: then no line stands for another."""
    shown, own = remove_secrets(path, before).text.split("\n"), before.split("\n")
    if len(shown) != len(own):
        return {}
    return {mask: line for mask, line in zip(shown, own, strict=True) if mask != line}


def _restored(text: str, lines: Mapping[str, str]) -> str:
    """Lines of a patch have one character before them."""
    return "\n".join(lines.get(line) or _prefixed(line, lines) for line in text.split("\n"))


def _prefixed(line: str, lines: Mapping[str, str]) -> str:
    return line[0] + lines[line[1:]] if line[:1] in ("+", "-", " ") and line[1:] in lines else line
