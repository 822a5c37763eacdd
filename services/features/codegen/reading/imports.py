"""Pure: which files of a repository import which, as far as the text tells. A wrong edge costs a little context."""

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from services.features.codegen.languages import language_of

_SCANNED_CHARS = 30_000
_LONGEST_TAIL = 8  # names at the end of a path, by which a file is found
_MOST_IN_FOLDER = 12  # files of one Go package that count as imported
_PY = re.compile(
    r"^[ \t]{0,40}(?:from[ \t]{1,8}([\w.]{1,200})[ \t]{1,8}import[ \t]{1,8}([^\n#]{1,300})"
    r"|import[ \t]{1,8}([\w., \t]{1,300}))",
    re.MULTILINE,
)
_JS = re.compile(r"(?:\bfrom|\brequire\(|\bimport\(?)\s{0,4}[\"'](\.{1,2}/[^\"'\n]{0,200}|\.{1,2})[\"']")
_GO = re.compile(r"^[ \t]*(?:import[ \t]+)?(?:[\w.]+[ \t]+)?\"([\w./-]{1,200})\"", re.MULTILINE)
_GO_MODULE = re.compile(r"^module[ \t]+(\S+)", re.MULTILINE)
_RUST_MOD = re.compile(r"^[ \t]*(?:pub(?:\([a-z]+\))?[ \t]+)?mod[ \t]+(\w+);", re.MULTILINE)
_RUST_USE = re.compile(r"\b(?:crate|super)::(\w+)")
_JVM = re.compile(r"^[ \t]*import[ \t]+(?:static[ \t]+)?([\w.]{1,200})", re.MULTILINE)
_INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*\"([^\"\n]{1,200})\"", re.MULTILINE)
_RUBY = re.compile(r"^[ \t]*require(_relative)?[ \t(]+[\"']([\w./-]{1,200})[\"']", re.MULTILINE)
_JS_ENDINGS = ("", ".ts", ".tsx", ".js", ".jsx", ".mjs", ".vue", ".svelte", "/index.ts", "/index.tsx", "/index.js")


class ImportGraph:
    """Edges between the files of one repository, looked up as they are asked for."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files
        self._by_tail = _by_tail(files)
        self._go_packages = _go_packages(files)
        module = _GO_MODULE.search(files.get("go.mod", ""))
        self._go_module = module[1] if module else None
        self._imported: dict[str, tuple[str, ...]] = {}

    def imported_by(self, path: str) -> tuple[str, ...]:
        """The files of the repository that this one imports, sorted."""
        if path not in self._imported:
            found = {target for target in self._targets(path) if target in self._files and target != path}
            self._imported[path] = tuple(sorted(found))
        return self._imported[path]

    def importers(self, paths: Iterable[str]) -> dict[str, str]:
        """Of the files that import any of these: which one."""
        wanted = frozenset(paths)
        found = {}
        for path in sorted(self._files):
            target = next((imported for imported in self.imported_by(path) if imported in wanted), None)
            if target is not None:
                found[path] = target
        return found

    def _targets(self, path: str) -> Iterable[str]:
        readers = {
            "python": self._python, "go": self._go, "rust": self._rust, "ruby": self._ruby,
            "javascript": self._script, "typescript": self._script, "vue": self._script,
            "svelte": self._script, "java": self._jvm, "kotlin": self._jvm, "scala": self._jvm,
            "c": self._include, "cpp": self._include, "cuda": self._include, "objc": self._include,
        }  # fmt: skip
        read = readers.get(language_of(path) or "")
        return read(path, self._files[path][:_SCANNED_CHARS]) if read else ()

    def _jvm(self, _path: str, text: str) -> Iterator[str]:
        for name in _JVM.findall(text):
            yield from self._ending(name.replace(".", "/"), (".java", ".kt", ".scala"))

    def _include(self, path: str, text: str) -> Iterator[str]:
        for name in _INCLUDE.findall(text):
            yield _joined(path, name)
            yield from self._ending(name, ("",))

    def _ruby(self, path: str, text: str) -> Iterator[str]:
        for relative, name in _RUBY.findall(text):
            yield from [_joined(path, name + ".rb")] if relative else self._ending(name, (".rb",))

    def _python(self, path: str, text: str) -> Iterator[str]:
        for module, names, plain in _PY.findall(text):
            if plain:
                for name in plain.split(","):
                    yield from self._python_module(path, (name.split() or [""])[0])
                continue
            yield from self._python_module(path, module)
            joint = "" if module.endswith(".") else "."
            for name in names.strip("( \\").split(","):
                yield from self._python_module(path, f"{module}{joint}{(name.split() or [''])[0]}")

    def _python_module(self, path: str, module: str) -> Iterator[str]:
        name = module.lstrip(".")
        dots = len(module) - len(name)
        tail = name.replace(".", "/")
        endings = (".py", ".pyi", "/__init__.py")
        if dots:
            base = _joined(path, "../" * (dots - 1) + tail) if tail else _joined(path, "../" * (dots - 1) + ".")
            yield from (f"{base}{ending}".removeprefix("./") for ending in endings)
        elif tail:
            yield from self._ending(tail, endings)

    def _script(self, path: str, text: str) -> Iterator[str]:
        for name in _JS.findall(text):
            yield from self._script_file(_joined(path, name))

    def _script_file(self, base: str) -> Iterator[str]:
        yield from (base + ending for ending in _JS_ENDINGS)
        stem, suffix = posixpath.splitext(base)
        if suffix in (".js", ".mjs", ".jsx"):  # as TypeScript writes what it will become
            yield from (stem + ending for ending in (".ts", ".tsx", ".mts"))

    def _go(self, _path: str, text: str) -> Iterator[str]:
        module = self._go_module
        for name in _GO.findall(text) if module else ():
            if name != module and not name.startswith(f"{module}/"):
                continue
            folder = name.removeprefix(module).strip("/")
            yield from self._go_packages.get(folder, ())[:_MOST_IN_FOLDER]

    def _rust(self, path: str, text: str) -> Iterator[str]:
        folder, _, name = path.rpartition("/")
        own = folder if name in ("mod.rs", "lib.rs", "main.rs") else path.removesuffix(".rs")
        for module in (*_RUST_MOD.findall(text), *_RUST_USE.findall(text)):
            root = path[: path.find("src/") + 4] if "src/" in path else ""
            for base in (f"{own}/{module}", f"{folder}/{module}", f"{root}{module}"):
                yield base.lstrip("/") + ".rs"
                yield base.lstrip("/") + "/mod.rs"

    def _ending(self, tail: str, endings: tuple[str, ...]) -> Iterator[str]:
        """Files whose path ends so, from any source root; the one nearest to the root, when there are several."""
        for ending in endings:
            if (found := self._by_tail.get(tail + ending)) is not None:
                yield found


def _by_tail(files: Mapping[str, str]) -> dict[str, str]:
    """By every end of its path, the file nearest to the root."""
    found: dict[str, str] = {}
    for path in sorted(files, key=lambda path: (path.count("/"), path)):
        names = path.split("/")
        for start in range(max(0, len(names) - _LONGEST_TAIL), len(names)):
            found.setdefault("/".join(names[start:]), path)
    return found


def _go_packages(files: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in sorted(files):
        if path.endswith(".go") and not path.endswith("_test.go"):
            found.setdefault(path.rpartition("/")[0], []).append(path)
    return found


def _joined(path: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
