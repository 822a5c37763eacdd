"""Pure: whether the files of a draft may be written at all. assemble.py refuses the same, but a generator may make
its drafts without it."""

from collections.abc import Iterator

from services.features.codegen.languages import is_written_in
from services.features.codegen.paths import Taken, allowed, as_spelled, collision, safe_path, taken
from services.features.codegen.values import Constraints, Draft, Finding, ProducedFile, Repository


def limit_findings(draft: Draft, repository: Repository, constraints: Constraints) -> list[Finding]:
    findings: list[Finding] = []
    if not draft.files and not draft.findings:
        findings.append(Finding("", "empty", "no file was produced"))
    if len(draft.files) > constraints.max_files:
        findings.append(Finding("", "size", f"{len(draft.files)} files; at most {constraints.max_files} are allowed"))
    size = sum(len(file.content.encode(errors="replace")) for file in draft.files)
    if size > constraints.max_bytes:
        findings.append(Finding("", "size", f"{size} bytes; at most {constraints.max_bytes} are allowed"))
    existing = taken([*repository.files, *repository.left_out])
    # Files beyond the allowed number are a finding already, however they are called.
    some = draft.files[: constraints.max_files]
    for file in some:
        finding = _path(file, existing, constraints) or _overwrites(file, repository)
        findings += [finding] if finding else []
    return [*findings, *_among_each_other([file.path for file in some])]


def _path(file: ProducedFile, existing: Taken, constraints: Constraints) -> Finding | None:
    safe = safe_path(file.path)
    if isinstance(safe, Finding):
        return safe
    if as_spelled(safe, existing) != file.path:
        return Finding(file.path, "path", f"the path has to be written as {as_spelled(safe, existing)}")
    if not allowed(file.path, constraints):
        return Finding(file.path, "path", f"only {', '.join(constraints.paths)} may be written")
    languages = frozenset(constraints.languages)
    if languages and not is_written_in(file.path, languages):
        return Finding(file.path, "language", f"it is in none of the languages {', '.join(sorted(languages))}")
    return collision(file.path, existing)


def _overwrites(file: ProducedFile, repository: Repository) -> Finding | None:
    """A draft declares an edit by the text that was there before."""
    if file.path in repository.left_out:
        return Finding(file.path, "path", "the file exists and was not read, so it cannot be changed")
    before = repository.files.get(file.path)
    if file.before == before:
        return None
    if file.before is None:
        return Finding(file.path, "path", "it exists and would be overwritten; it is not declared as an edit")
    what = "does not exist" if before is None else "holds another text than the one it was made from"
    return Finding(file.path, "path", f"it is to be edited and {what}")


def _among_each_other(paths: list[str]) -> Iterator[Finding]:
    for number, path in enumerate(paths):
        earlier = taken(paths[:number])
        if path in earlier.files:
            yield Finding(path, "path", "it is given more than once")
        elif finding := collision(path, earlier):
            yield finding
