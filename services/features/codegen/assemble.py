"""Pure: from an answer to a draft: what may be written, applied to what is there."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from services.features.codegen.answers import Answer, AnswerFile
from services.features.codegen.elisions import left_out_at
from services.features.codegen.languages import is_written_in, language_of
from services.features.codegen.patches import apply_edits, apply_unified
from services.features.codegen.paths import Taken, allowed, as_spelled, collision, safe_path, taken
from services.features.codegen.values import (
    Action,
    Constraints,
    Draft,
    Finding,
    FindingKind,
    PlannedFile,
    ProducedFile,
    Repository,
)
from shared.languages import TEXT

# Files that say something by being there.
_MAY_BE_EMPTY = ("__init__.py", "py.typed", ".gitkeep", ".keep", ".nojekyll")
_FROM_NOTHING = re.compile(r"^@@ ?-0(?:,0)? ", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class Desk:
    """What is gathered while an answer is gone through. whole: paths whose whole content was given."""

    repository: Repository
    constraints: Constraints
    declared: dict[str, Action]
    taken: Taken
    texts: dict[str, str] = field(default_factory=dict)
    whole: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)


def assemble(
    answer: Answer,
    repository: Repository,
    constraints: Constraints,
    planned: Sequence[PlannedFile] | None = None,
    earlier: Draft | None = None,
) -> Draft:
    """A planned action counts as declared. `earlier`: the draft that this answer repairs; its files are there to be
    edited, and stay unless the answer changes them."""
    kept = {file.path: file.content for file in earlier.files} if earlier else {}
    existing = taken([*repository.files, *repository.left_out, *kept])
    desk = Desk(repository, constraints, {file.path: file.action for file in planned or ()}, existing, dict(kept))
    desk.findings += answer.findings
    for entry in answer.files:
        finding = _take(entry, desk)
        if finding is not None:
            desk.findings.append(finding)
    desk.findings += _unfinished(answer, planned or (), desk)
    return Draft(
        files=tuple(_within_limits(desk)),
        findings=tuple(dict.fromkeys(desk.findings)),
        summary=answer.summary or (earlier.summary if earlier else ""),
        integration_instructions=answer.integration_instructions
        or (earlier.integration_instructions if earlier else ()),
        next_steps=answer.next_steps or (earlier.next_steps if earlier else ()),
        estimated_impact=answer.estimated_impact or (earlier.estimated_impact if earlier else ""),
    )


def _take(entry: AnswerFile, desk: Desk) -> Finding | None:
    path = safe_path(entry.path)
    if isinstance(path, Finding):
        return path
    path = as_spelled(_own_path(path, entry, desk), desk.taken)
    entry = _as_new_file(path, entry, desk)
    refused = _refused(path, desk) or _wrong_action(path, entry, desk)
    if refused is not None:
        return refused
    text = _text(path, entry, desk)
    if not isinstance(text, str):
        desk.findings += text[:-1]
        return text[-1]
    finding = _unfit(path, entry, text, desk)
    if finding is not None:
        return finding
    twice = entry.content is not None and path in desk.whole
    if path not in desk.taken.files:
        desk.taken = taken([*desk.taken.files, path])
    desk.texts[path] = text
    if entry.content is not None:
        desk.whole.add(path)
    return Finding(path, "path", "it is given more than once; the last one counts") if twice else None


def _own_path(path: str, entry: AnswerFile, desk: Desk) -> str:
    """Names in headers of diffs may stand in a folder that stands for before or after."""
    if entry.patch is None or path in desk.taken.files or not path.startswith(("a/", "b/")):
        return path
    return path[2:] if path[2:] in desk.taken.files else path


def _as_new_file(path: str, entry: AnswerFile, desk: Desk) -> AnswerFile:
    """One that is to replace nothing, where nothing is."""
    if path in desk.taken.files:
        return entry
    if entry.patch is not None and _FROM_NOTHING.search(entry.patch):
        return AnswerFile(entry.path, "create", patch=entry.patch)
    if len(entry.edits) != 1 or entry.edits[0].search.strip():
        return entry
    return AnswerFile(entry.path, "create", content=entry.edits[0].replace)


def _refused(path: str, desk: Desk) -> Finding | None:
    if not allowed(path, desk.constraints):
        return Finding(path, "path", f"only {', '.join(desk.constraints.paths)} may be written")
    languages = frozenset(desk.constraints.languages)
    if languages and not is_written_in(path, languages):
        return Finding(path, "language", f"{language_of(path) or TEXT} is not among {', '.join(sorted(languages))}")
    return collision(path, desk.taken)


def _wrong_action(path: str, entry: AnswerFile, desk: Desk) -> Finding | None:
    if path in desk.repository.left_out:
        return Finding(path, "path", "the file exists and was not read, so it cannot be changed")
    exists = path in desk.repository.files
    changes = bool(entry.edits) or (entry.patch is not None and entry.action != "create")
    if not exists and path not in desk.texts and (changes or entry.action == "edit"):
        return Finding(path, "path", "it is to be edited and does not exist; a new file has the action create")
    declared = changes or "edit" in (entry.action, desk.declared.get(path))
    if exists and not declared:
        return Finding(path, "path", "it exists and would be overwritten; to change it, declare the action edit")
    return None


def _text(path: str, entry: AnswerFile, desk: Desk) -> str | tuple[Finding, ...]:
    base = desk.texts.get(path, desk.repository.files.get(path, ""))
    if entry.edits:
        return apply_edits(base, entry.edits, path)
    if entry.patch is not None:
        return apply_unified(base, entry.patch, path)
    content = entry.content or ""
    if "\r\n" in base and "\r\n" not in content and base.count("\n") == base.count("\r\n"):
        return content.replace("\n", "\r\n")  # a file keeps its line ends
    return content


def _unfit(path: str, entry: AnswerFile, text: str, desk: Desk) -> Finding | None:
    if "\x00" in text or _SURROGATE.search(text):
        return Finding(path, "syntax", "its text holds characters that no text file can hold")
    if not text.strip() and not path.endswith(_MAY_BE_EMPTY):
        return Finding(path, "empty", "it would be empty")
    before = desk.repository.files.get(path)
    if text == before and path not in desk.texts:
        return Finding(path, "empty", "it is given without any change")
    line = left_out_at(path, desk.texts.get(path, before), text, is_whole=entry.content is not None)
    if line is not None:
        return Finding(path, "empty", "a comment stands for what was left out; give the whole file, or edits", line)
    return None


def _unfinished(answer: Answer, planned: Sequence[PlannedFile], desk: Desk) -> Iterator[Finding]:
    cut = _cut_path(answer, desk)
    if answer.cut:
        yield Finding(
            cut,
            "empty",
            "the answer ended within this file" if cut else "the answer ended before its last file",
        )
    said = {finding.path for finding in desk.findings} | {cut}
    for file in planned:
        if file.path not in desk.texts and file.path not in said:
            yield Finding(file.path, "empty", "it was planned and is missing")
    if not desk.texts and not desk.findings and not answer.cut and not planned:
        yield Finding("", "empty", "the answer holds no file")


def _cut_path(answer: Answer, desk: Desk) -> str:
    path = safe_path(answer.cut_path) if answer.cut_path else ""
    return as_spelled(path, desk.taken) if isinstance(path, str) else path.path


def _within_limits(desk: Desk) -> Iterator[ProducedFile]:
    size = 0
    for number, (path, text) in enumerate(desk.texts.items(), 1):
        if number > desk.constraints.max_files:
            _limit(desk, path, "size", f"more than {desk.constraints.max_files} files; it was left out")
            continue
        size += len(text.encode())
        if size > desk.constraints.max_bytes:
            _limit(desk, path, "size", f"all files together exceed {desk.constraints.max_bytes} bytes; it was left out")
            continue
        yield ProducedFile(path, language_of(path) or TEXT, text, desk.repository.files.get(path))


def _limit(desk: Desk, path: str, kind: FindingKind, message: str) -> None:
    desk.findings.append(Finding(path, kind, message))
