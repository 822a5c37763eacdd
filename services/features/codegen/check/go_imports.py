"""Pure: whether Go's imports resolve: to packages of the module, the standard library, or what go.mod requires."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.features.codegen.check.tree import Tree, folder_of, joined

_STANDARD = frozenset({
    "C", "archive", "bufio", "builtin", "bytes", "cmp", "compress", "container", "context", "crypto", "database",
    "debug", "embed", "encoding", "errors", "expvar", "flag", "fmt", "go", "hash", "html", "image", "index",
    "internal", "io", "iter", "log", "maps", "math", "mime", "net", "os", "path", "plugin", "reflect", "regexp",
    "runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text", "time",
    "unicode", "unique", "unsafe", "weak",
})  # fmt: skip
_MODULE = re.compile(r"^module[ \t]++\"?([^\s\"]++)", re.MULTILINE)
_REQUIRED = re.compile(r"^[ \t]*+(?:require[ \t]++|replace[ \t]++)?([\w.~-]++(?:/[\w.~-]++)++)[ \t]", re.MULTILINE)
_QUOTED = re.compile(r'^[ \t]*+(?:import[ \t]++)?(?:[\w.]++[ \t]++)?"([^"\s]{1,200})"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Known:
    """modules: name and folder of each go.mod."""

    modules: tuple[tuple[str, str], ...]
    required: frozenset[str]
    imported: frozenset[str]


def known_of(tree: Tree, before: dict[str, str]) -> Known:
    manifests = tree.named("go.mod")
    modules = tuple(
        (found[1], folder_of(path)) for path in manifests if (found := _MODULE.search(tree.texts[path])) is not None
    )
    required = {name for path in manifests for name in _REQUIRED.findall(tree.texts[path])}
    imported = {spec for path, text in before.items() if path.endswith(".go") for spec in _QUOTED.findall(text)}
    return Known(modules, frozenset(required), frozenset(imported))


def unresolved(spec: str, tree: Tree, known: Known) -> Iterator[str]:
    if not known.modules or spec in known.imported:
        return
    own = [(name, folder) for name, folder in known.modules if spec == name or spec.startswith(name + "/")]
    if own:
        folders = [joined(folder, spec.removeprefix(name).lstrip("/")) for name, folder in own]
        if not any(_holds_go(folder, tree) for folder in folders):
            yield f"{spec!r} is no package of the module (no .go file in {folders[0] or '.'})"
    elif not _is_foreign(spec, known) and not tree.has_folder(f"vendor/{spec}"):
        yield f"{spec!r} is neither in the standard library nor required by go.mod"


def _holds_go(folder: str, tree: Tree) -> bool:
    return any(path.endswith(".go") and folder_of(path) == folder for path in tree.files)


def _is_foreign(spec: str, known: Known) -> bool:
    first = spec.split("/")[0]
    return first in _STANDARD or any(spec == module or spec.startswith(module + "/") for module in known.required)
