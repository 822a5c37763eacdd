"""Pure: the marks that stand for secrets in what a model was shown, and the lines that they stand for.

A model that copies a line with a mark means the line as it is. It goes back into the same file, and no other.
"""

from collections.abc import Mapping
from dataclasses import replace

from services.features.codegen.answers import Answer, AnswerFile
from services.features.codegen.known_secrets import KnownSecrets
from services.features.codegen.patches import Edit
from services.features.codegen.paths import Taken, as_spelled, safe_path, taken
from services.features.codegen.reading.secrets import MARK, remove_secrets
from services.features.codegen.values import Draft, Finding, Repository


def unmasked(answer: Answer, repository: Repository, known: KnownSecrets | None = None) -> Answer:
    """known: as it was for what the model was shown."""
    existing = taken(repository.files)
    return replace(answer, files=tuple(_unmasked(file, repository, existing, known) for file in answer.files))


def masked(draft: Draft) -> tuple[Finding, ...]:
    """What would be written over a secret, or instead of one."""
    message = f"holds {MARK}...», which stands for a secret that was not shown: leave its lines out of the edits"
    return tuple(
        Finding(file.path, "patch", message)
        for file in draft.files
        if MARK in file.content and MARK not in (file.before or "")
    )


def _unmasked(file: AnswerFile, repository: Repository, existing: Taken, known: KnownSecrets | None) -> AnswerFile:
    safe = safe_path(file.path)
    path = as_spelled(safe, existing) if isinstance(safe, str) else ""
    before = repository.files.get(path)
    if before is None or not _speaks_of_marks(file):
        return file
    lines = _lines_by_mask(path, before, known)
    return replace(
        file,
        content=None if file.content is None else _restored(file.content, lines),
        edits=tuple(_restored_edit(edit, lines) for edit in file.edits),
        patch=None if file.patch is None else _restored(file.patch, lines),
    )


def _speaks_of_marks(file: AnswerFile) -> bool:
    return any(
        MARK in text
        for text in (file.content or "", file.patch or "", *(edit.search + edit.replace for edit in file.edits))
    )


def _lines_by_mask(path: str, before: str, known: KnownSecrets | None) -> Mapping[str, str]:
    """Nothing when a secret is longer than its line: then no line stands for another."""
    shown, own = remove_secrets(path, before, known).text.split("\n"), before.split("\n")
    if len(shown) != len(own):
        return {}
    return {mask: line for mask, line in zip(shown, own, strict=True) if mask != line}


def _restored_edit(edit: Edit, lines: Mapping[str, str]) -> Edit:
    return edit._replace(search=_restored(edit.search, lines), replace=_restored(edit.replace, lines))


def _restored(text: str, lines: Mapping[str, str]) -> str:
    """Lines of a patch have one character before them."""
    return "\n".join(lines.get(line) or _prefixed(line, lines) for line in text.split("\n"))


def _prefixed(line: str, lines: Mapping[str, str]) -> str:
    return line[0] + lines[line[1:]] if line[:1] in ("+", "-", " ") and line[1:] in lines else line
