"""Pure: imports of produced files that resolve to nothing. What a file imported before is not asked again."""

from collections.abc import Iterator, Mapping, Sequence

from services.features.codegen.check import go_imports, javascript_imports, python_imports, rust_imports
from services.features.codegen.check.parsing import Import, Parsed
from services.features.codegen.check.tree import Tree, tree_after
from services.features.codegen.languages import language_of
from services.features.codegen.values import Draft, Finding, ProducedFile, Repository

MAX_FINDINGS = 10  # of one file


def import_findings(
    draft: Draft, repository: Repository, after: Mapping[str, Parsed], before: Mapping[str, Parsed]
) -> tuple[Finding, ...]:
    """`after`, `before`: what was read of the files, by path; files that have errors are not asked."""
    tree = tree_after(draft, repository)
    known = Known(tree, dict(repository.files))
    findings: list[Finding] = []
    for file in draft.files:
        parsed = after.get(file.path)
        if parsed is None or parsed.errors:
            continue
        old = {_key(earlier) for earlier in before[file.path].imports} if file.path in before else set()
        fresh = sorted((new for new in parsed.imports if _key(new) not in old), key=lambda new: new.line)
        findings += list(_of_file(file, fresh, parsed.imports, tree, known))[:MAX_FINDINGS]
    return tuple(findings)


class Known:
    """What is known of each language's modules, found out once and only when it is asked for."""

    def __init__(self, tree: Tree, before: dict[str, str]) -> None:
        self._tree, self._before = tree, before
        self._python: python_imports.Known | None = None
        self._javascript: javascript_imports.Known | None = None
        self._go: go_imports.Known | None = None
        self._rust: rust_imports.Known | None = None

    def python(self) -> python_imports.Known:
        self._python = self._python or python_imports.known_of(self._tree, self._before)
        return self._python

    def javascript(self) -> javascript_imports.Known:
        self._javascript = self._javascript or javascript_imports.known_of(self._tree, self._before)
        return self._javascript

    def go(self) -> go_imports.Known:
        self._go = self._go or go_imports.known_of(self._tree, self._before)
        return self._go

    def rust(self) -> rust_imports.Known:
        self._rust = self._rust or rust_imports.known_of(self._tree)
        return self._rust


def _key(imported: Import) -> tuple[str, int, tuple[str, ...]]:
    return imported.module, imported.level, imported.names


def _of_file(
    file: ProducedFile, fresh: Sequence[Import], every: Sequence[Import], tree: Tree, known: Known
) -> Iterator[Finding]:
    specs = [imported.module for imported in every]
    for imported in fresh:
        for sentence in _sentences(file.path, imported, specs, tree, known):
            yield Finding(file.path, "import", sentence, imported.line)


def _sentences(path: str, imported: Import, specs: Sequence[str], tree: Tree, known: Known) -> Iterator[str]:
    match language_of(path):
        case "python":
            return python_imports.unresolved(path, imported, tree, known.python())
        case "javascript" | "typescript":
            return javascript_imports.unresolved(path, imported.module, tree, known.javascript())
        case "go":
            return go_imports.unresolved(imported.module, tree, known.go())
        case "rust":
            return rust_imports.unresolved(path, imported.module, specs, tree, known.rust())
    return iter(())
