"""Pure: what is put before a model to be mended, and what becomes of a draft when it has answered."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from services.features.codegen.answers import Answer
from services.features.codegen.assemble import assemble
from services.features.codegen.generators.masks import masked, unmasked
from services.features.codegen.known_secrets import KnownSecrets
from services.features.codegen.reading.secrets import remove_from_quotes, remove_secrets
from services.features.codegen.report import repair_sentences
from services.features.codegen.values import Draft, Finding, Plan, PlannedFile, Repository, Task


def with_findings(draft: Draft, checked: Iterable[Finding]) -> Draft:
    """What could not be taken from the answers and what is wrong with the rest, each once."""
    return replace(draft, findings=tuple(dict.fromkeys((*draft.findings, *checked))))


def drafted(answer: Answer, plan: Plan, task: Task) -> Draft:
    repository = task.repository
    draft = assemble(unmasked(answer, repository, task.context.secrets), repository, task.constraints, plan.files)
    return with_findings(draft, masked(draft))


def mended(draft: Draft, answer: Answer, plan: Plan, task: Task) -> Draft:
    """The draft with what the answer changes. What the draft has changed already may be changed again."""
    own = unmasked(answer, as_drafted(task.repository, draft), task.context.secrets)
    changed = (PlannedFile(file.path, "edit") for file in draft.files if file.before is not None)
    step = assemble(own, task.repository, task.constraints, (*plan.files, *changed), draft)
    return with_findings(step, (*masked(step), *_unmended(draft, step)))


def _unmended(draft: Draft, step: Draft) -> tuple[Finding, ...]:
    """Changes that could not be made stay unmade until their file is answered for."""
    before = {file.path: file.content for file in draft.files}
    answered = {file.path for file in step.files if before.get(file.path) != file.content}
    return tuple(finding for finding in draft.findings if finding.kind == "patch" and finding.path not in answered)


def as_drafted(repository: Repository, draft: Draft) -> Repository:
    return replace(repository, files={**repository.files, **{file.path: file.content for file in draft.files}})


def concerned(draft: Draft, task: Task) -> dict[str, str]:
    """The files that findings name, as they are in the draft or else in the repository; when they name none, all of the
    draft. Without secrets: what a model has not seen of the repository so far it need not see now."""
    files: Mapping[str, str] = as_drafted(task.repository, draft).files
    named = dict.fromkeys(finding.path for finding in draft.findings if finding.path in files)
    paths = tuple(named) or tuple(file.path for file in draft.files)
    return {path: remove_secrets(path, files[path], task.context.secrets).text for path in paths}


def notes(findings: Iterable[Finding], known: KnownSecrets) -> str:
    """What is wrong, in sentences. Secrets come out before the sentences are cut: half of one is not found again."""
    cleaned = (replace(finding, message=remove_from_quotes(finding.message, known)) for finding in findings)
    return "\n".join(f"- {sentence}" for sentence in repair_sentences(cleaned))


def is_better(new: Iterable[Finding], old: Iterable[Finding]) -> bool:
    """Whether anything that was wrong is so no more. Lines are not compared: they move."""
    return bool(_wrong(old) - _wrong(new))


def _wrong(findings: Iterable[Finding]) -> set[tuple[str, str, str]]:
    return {(finding.path, finding.kind, finding.message) for finding in findings}
