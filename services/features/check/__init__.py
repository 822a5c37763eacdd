"""What is wrong with a draft, by reading it: nothing of it is run. (services.features.check.execution runs things.)"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.features.check.imports import import_findings
from services.features.check.parsing import Source, parse_all
from services.features.check.readers import EXACT, WITH_IMPORTS, reader_of
from services.features.check.syntax import syntax_findings
from services.features.paths import allowed
from services.features.values import Constraints, Draft, Finding, Repository

__all__ = ["Checked", "check", "checked_kinds"]


@dataclass(frozen=True, slots=True)
class Checked:
    """checked: kinds by language. not_checked: sentences."""

    checked: dict[str, tuple[str, ...]]
    not_checked: tuple[str, ...]


def check(draft: Draft, repository: Repository, constraints: Constraints) -> tuple[Finding, ...]:
    """Starts a process to read the files, so it blocks for a tenth of a second and at most for some ten: call it in a
    thread. The findings that the draft brings come first."""
    edited = [file for file in draft.files if file.before is not None]
    sources = [Source(file.path, file.content) for file in draft.files]
    parsed = parse_all([*sources, *(Source(file.path, file.before or "") for file in edited)])
    after = {file.path: one for file, one in zip(draft.files, parsed, strict=False) if one}
    before = {file.path: one for file, one in zip(edited, parsed[len(sources) :], strict=True) if one}
    findings = [*draft.findings, *_limits(draft, constraints)]
    for file in draft.files:
        if file.path in after:
            findings += syntax_findings(file, after[file.path], before.get(file.path))
        elif reader_of(file.path):
            findings.append(Finding(file.path, "syntax", "its parser took too long, or it stopped the parser"))
    findings += import_findings(draft, repository, after, before)
    return tuple(dict.fromkeys(findings))


def checked_kinds(draft: Draft, findings: Iterable[Finding] = ()) -> Checked:
    """What `check` looks at in the files of a draft, and, of what it found, what that kept it from looking at."""
    broken = {finding.path for finding in findings if finding.kind == "syntax"}
    checked: dict[str, tuple[str, ...]] = {}
    said: list[str] = []
    for file in draft.files:
        language = file.language
        if reader_of(file.path) is None:
            said.append(f"{file.path}: syntax, there is no parser for {language} here")
            continue
        checked[language] = ("syntax", "imports") if language in WITH_IMPORTS else ("syntax",)
        if language in WITH_IMPORTS and file.path in broken:
            said.append(f"{file.path}: imports, because of its syntax errors")
        elif language not in WITH_IMPORTS | EXACT:
            said.append(f"{language}: imports")
    return Checked(checked, tuple(dict.fromkeys(said)))


def _limits(draft: Draft, constraints: Constraints) -> list[Finding]:
    """Once more than services.features.assemble, for a generator may make its drafts without it."""
    findings: list[Finding] = []
    if not draft.files and not draft.findings:
        findings.append(Finding("", "empty", "no file was produced"))
    if len(draft.files) > constraints.max_files:
        findings.append(Finding("", "size", f"{len(draft.files)} files; at most {constraints.max_files} are allowed"))
    size = sum(len(file.content.encode(errors="replace")) for file in draft.files)
    if size > constraints.max_bytes:
        findings.append(Finding("", "size", f"{size} bytes; at most {constraints.max_bytes} are allowed"))
    where = f"only {', '.join(constraints.paths)} may be written"
    refused = [file for file in draft.files if not allowed(file.path, constraints)]
    return findings + [Finding(file.path, "path", where) for file in refused]
