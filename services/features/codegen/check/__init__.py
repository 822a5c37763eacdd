"""What is wrong with a draft, by reading it: nothing of it is run. (execution.py runs things.)"""

from collections.abc import Iterable
from dataclasses import dataclass

from services.features.codegen.check.imports import import_findings
from services.features.codegen.check.limits import limit_findings
from services.features.codegen.check.parsing import Source, parse_all
from services.features.codegen.check.readers import EXACT, WITH_IMPORTS, reader_of
from services.features.codegen.check.syntax import syntax_findings
from services.features.codegen.values import Constraints, Draft, Finding, Repository

__all__ = ["Checked", "check", "checked_kinds"]


@dataclass(frozen=True, slots=True)
class Checked:
    """checked: kinds by language. not_checked: sentences."""

    checked: dict[str, tuple[str, ...]]
    not_checked: tuple[str, ...]


def check(draft: Draft, repository: Repository, constraints: Constraints) -> tuple[Finding, ...]:
    """Starts a process to read the files, so it blocks for a tenth of a second and at most for some ten: call it in a
    thread. The findings that the draft brings come first."""
    edited = [file for file in draft.files if file.path in repository.files]
    sources = [Source(file.path, file.content) for file in draft.files]
    originals = [Source(file.path, repository.files[file.path]) for file in edited]
    parsed = parse_all([*sources, *originals], repository.files)
    after = {file.path: result for file, result in zip(draft.files, parsed, strict=False) if result}
    before = {file.path: result for file, result in zip(edited, parsed[len(sources) :], strict=True) if result}
    findings = [*draft.findings, *limit_findings(draft, repository, constraints)]
    for file in draft.files:
        if file.path in after:
            findings += syntax_findings(file, after[file.path], before.get(file.path))
        elif reader_of(file.path):
            findings.append(Finding(file.path, "syntax", "its parser took too long, or it stopped the parser"))
    findings += import_findings(draft, repository, after, before)
    return tuple(dict.fromkeys(findings))


def checked_kinds(draft: Draft, findings: Iterable[Finding] = ()) -> Checked:
    """What `check` looks at in the files of a draft, and, of what it found, what that kept it from looking at."""
    known = tuple(findings)
    broken = {finding.path for finding in known if finding.kind == "syntax"}
    doubtful = {finding.path: finding for finding in reversed(known) if finding.kind == "grammar"}
    checked: dict[str, tuple[str, ...]] = {}
    said: list[str] = []
    for file in draft.files:
        language = file.language
        if reader_of(file.path) is None:
            said.append(f"{file.path}: syntax, there is no parser for {language} here")
            continue
        if file.path in doubtful:
            said.append(f"{file.path}: syntax, the grammar for {language} {_doubt(doubtful[file.path])}")
            continue
        checked[language] = ("syntax", "imports") if language in WITH_IMPORTS else ("syntax",)
        if language in WITH_IMPORTS and file.path in broken:
            said.append(f"{file.path}: imports, because of its syntax errors")
        elif language not in WITH_IMPORTS | EXACT:
            said.append(f"{language}: imports")
    return Checked(checked, tuple(dict.fromkeys(said)))


def _doubt(finding: Finding) -> str:
    return f"cannot read it, which may be the grammar's fault: line {finding.line}: {finding.message}"
