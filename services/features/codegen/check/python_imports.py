"""Pure: whether Python's imports resolve: to modules of the repository, the standard library, or what is declared."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from services.features.codegen.check.parsing import Import
from services.features.codegen.check.tree import Tree, folder_of, folders_of, joined, resolved
from services.features.codegen.declared import pyproject_names, read_toml

# Distributions whose modules have other names; those that differ only by -, _, py or python are found without.
_DISTRIBUTIONS = {
    "yaml": "pyyaml", "PIL": "pillow", "sklearn": "scikit-learn", "cv2": "opencv-python", "bs4": "beautifulsoup4",
    "attr": "attrs", "OpenSSL": "pyopenssl", "Crypto": "pycryptodome", "git": "gitpython", "docx": "python-docx",
    "fitz": "pymupdf", "rest_framework": "djangorestframework", "corsheaders": "django-cors-headers", "skimage":
    "scikit-image", "zmq": "pyzmq", "serial": "pyserial", "jwt": "pyjwt", "pkg_resources": "setuptools",
    "github": "pygithub", "slugify": "python-slugify", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient",
    "grpc": "grpcio", "google": "google", "mpl_toolkits": "matplotlib", "pytest_asyncio": "pytest-asyncio",
}  # fmt: skip
_IMPORTED = re.compile(r"^[ \t]*+(?:from[ \t]++([A-Za-z_]\w*+)|import[ \t]++([A-Za-z_][\w., \t]*+))", re.MULTILINE)
_REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*+")
_QUOTED = re.compile(r"""["']([A-Za-z0-9][A-Za-z0-9._-]{0,99}+)[^"'\n]{0,99}["']""")
_TEXT_MANIFESTS = ("setup.py", "setup.cfg", "Pipfile", "environment.yml", "environment.yaml", "tox.ini", "noxfile.py")


@dataclass(frozen=True, slots=True)
class Known:
    """roots: folders from which modules are imported. imported: top names that the repository imports already."""

    roots: frozenset[str]
    declared: frozenset[str]
    imported: frozenset[str]
    manifests: tuple[str, ...]


def known_of(tree: Tree, before: dict[str, str]) -> Known:
    """`before`: the texts of the repository without the draft; what a draft imports does not make itself known."""
    manifests = _manifests(tree)
    declared = {_normal(name) for path in manifests for name in _declared(path, tree.texts[path])}
    imported = {name for path, text in before.items() if path.endswith((".py", ".pyi")) for name in _imported(text)}
    return Known(_roots(tree), frozenset(declared), frozenset(imported), tuple(manifests))


def unresolved(path: str, imported: Import, tree: Tree, known: Known) -> Iterator[str]:
    """Sentences on what is wrong with one import."""
    if imported.guarded:
        return
    if imported.level:
        yield from _relative(path, imported, tree)
        return
    top = imported.module.split(".")[0]
    roots = [root for root in {*known.roots, folder_of(path)} if _has_module(joined(root, top), tree)]
    if roots:
        yield from _own(imported, roots, tree, other=top in sys.stdlib_module_names or _is_named(top, known.declared))
    elif not _is_foreign(top, known):
        where = ", ".join(known.manifests) or "no manifest was found"
        yield f"{top!r} is not in the repository, the standard library or the declared dependencies ({where})"


def _relative(path: str, imported: Import, tree: Tree) -> Iterator[str]:
    base = resolved(folder_of(path), "/".join([".."] * (imported.level - 1)))
    written = "." * imported.level + imported.module
    if base is None:
        yield f"{written!r} leaves the repository"
        return
    place = joined(base, imported.module.replace(".", "/"))
    if imported.module and not _has_module(place, tree):
        yield f"{written!r} is no module of the repository"
        return
    yield from _names(imported, [place], tree, written)


def _own(imported: Import, roots: list[str], tree: Tree, other: bool) -> Iterator[str]:
    places = [joined(root, imported.module.replace(".", "/")) for root in roots]
    there = [place for place in places if _has_module(place, tree)]
    if there:
        yield from () if other else _names(imported, there, tree, imported.module)
    elif not other and not _is_attribute(imported, roots, tree):
        yield f"{imported.module!r} is no module of the repository"


def _is_attribute(imported: Import, roots: list[str], tree: Tree) -> bool:
    """Modules that are made while running (six.moves) cannot be seen; a __getattr__ or sys.modules says so."""
    top = imported.module.split(".")[0]
    texts = [tree.texts.get(file, "") for root in roots for file in _module_files(joined(root, top))]
    return any("sys.modules" in text or "__getattr__" in text for text in texts)


def _names(imported: Import, places: list[str], tree: Tree, written: str) -> Iterator[str]:
    for name in imported.names:
        if name != "*" and not any(_offers(place, name, tree) for place in places):
            yield f"{written!r} has no {name!r}"


def _offers(place: str, name: str, tree: Tree) -> bool:
    """Whether a module may have this name: as a module below it, or as a word anywhere in its text."""
    if _has_module(joined(place, name), tree):
        return True
    files = [file for file in _module_files(place) if file in tree.files]
    texts = [tree.texts.get(file) for file in files]
    return any(text is None or _may_bind(text, name) for text in texts)


def _may_bind(text: str, name: str) -> bool:
    return "import *" in text or "__getattr__" in text or re.search(rf"\b{re.escape(name)}\b", text) is not None


def _has_module(place: str, tree: Tree) -> bool:
    return tree.holds_python(place) or any(file in tree.files for file in _module_files(place))


def _module_files(place: str) -> list[str]:
    ends = (".py", "/__init__.py", ".pyi", "/__init__.pyi")
    return [f"{place}{end}" for end in ends] if place else ["__init__.py"]


def _roots(tree: Tree) -> frozenset[str]:
    """The root, src, the folders with manifests, and the folder above each topmost package."""
    roots = {"", "src", "lib"} | {folder_of(path) for path in _manifests(tree)}
    for folder in {folder_of(path) for path in tree.files if path.endswith(".py")}:
        upwards = (folder, *folders_of(folder))
        above = next((parent for parent in upwards if f"{parent}/__init__.py" not in tree.files), "")
        roots.add(above)
    return frozenset(roots)


def _is_foreign(top: str, known: Known) -> bool:
    return top in sys.stdlib_module_names or top in known.imported or _is_declared(top, known.declared)


def _is_declared(top: str, declared: frozenset[str]) -> bool:
    """Also by the beginning of a name: opentelemetry is brought by opentelemetry-sdk."""
    plain = _normal(top)
    return _is_named(top, declared) or any(name.startswith(plain) for name in declared if len(plain) > 3)


def _is_named(top: str, declared: frozenset[str]) -> bool:
    plain = _normal(top)
    names = {plain, f"py{plain}", f"python{plain}", f"{plain}python", f"django{plain}", f"types{plain}"}
    return bool({*names, _normal(_DISTRIBUTIONS.get(top, top))} & declared)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]", "", name).lower()


def _imported(text: str) -> Iterator[str]:
    for found in _IMPORTED.finditer(text):
        if found[1]:
            yield found[1]
        else:
            yield from (part.split()[0].split(".")[0] for part in found[2].split(",") if part.split())


def _manifests(tree: Tree) -> list[str]:
    requirements = [
        path
        for path in tree.texts
        if path.endswith((".txt", ".in")) and ("requirements" in path or "constraints" in path)
    ]
    named = [path for path in tree.named("pyproject.toml", *_TEXT_MANIFESTS) if _is_manifest(path, tree.texts[path])]
    return sorted({*named, *requirements})


def _is_manifest(path: str, text: str) -> bool:
    """A module may be named setup.py as well."""
    return not path.endswith("setup.py") or "setup(" in text


def _declared(path: str, text: str) -> Iterator[str]:
    if path.endswith("pyproject.toml"):
        yield from pyproject_names(read_toml(text))
    elif path.endswith((".txt", ".in")):
        yield from _first_words(text)
    else:
        yield from (found[1] for found in _QUOTED.finditer(text))
        yield from _first_words(text)


def _first_words(text: str) -> Iterator[str]:
    for line in text.splitlines():
        plain = line.strip().lstrip("-").strip()
        if found := _REQUIREMENT.match(plain):
            yield found[0]
