"""Pure: whether Rust's `mod` and `use` resolve: to files of the crate, or to crates that Cargo.toml names."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.features.codegen.check.tree import Tree, folder_of, folders_of, joined
from services.features.codegen.declared import cargo_names, read_toml, table, texts

_BUILT_IN = frozenset({"std", "core", "alloc", "proc_macro", "test", "self", "super", "crate"})
_WORD = re.compile(r"\w+")
_ROOTS = ("lib.rs", "main.rs")


@dataclass(frozen=True, slots=True)
class Known:
    crates: frozenset[str]
    manifests: tuple[str, ...]


def known_of(tree: Tree) -> Known:
    manifests = tree.named("Cargo.toml")
    crates = {name.replace("-", "_") for path in manifests for name in _crates(tree.texts[path])}
    return Known(frozenset(crates), tuple(manifests))


def unresolved(path: str, spec: str, specs: Sequence[str], tree: Tree, known: Known) -> Iterator[str]:
    """`specs`: all of the file, for a `use` may begin with a name that another one brings."""
    kind, _, rest = spec.partition(" ")
    if kind == "mod":
        yield from _module(path, rest, tree)
    elif kind == "use":
        for first, second in _beginnings(rest):
            yield from _use(path, first, second, specs, tree, known)


def _module(path: str, name: str, tree: Tree) -> Iterator[str]:
    files = _module_files(_module_folder(path), name)
    if "#[path" not in tree.texts.get(path, "") and not any(file in tree.files for file in files):
        yield f"mod {name}: there is neither {files[0]} nor {files[1]}"


def _module_folder(path: str) -> str:
    name = path.rsplit("/", 1)[-1]
    inner = name in (*_ROOTS, "mod.rs", "build.rs") or folder_of(path).rsplit("/", 1)[-1] in (
        "bin",
        "tests",
        "examples",
    )
    return folder_of(path) if inner else path.removesuffix(".rs")


def _module_files(folder: str, name: str) -> list[str]:
    return [joined(folder, f"{name}.rs"), joined(folder, f"{name}/mod.rs")]


def _use(path: str, first: str, second: str, specs: Sequence[str], tree: Tree, known: Known) -> Iterator[str]:
    if first == "crate":
        root = _crate_root(path, tree)
        if root and second and not _in_crate(root, second, tree):
            yield f"crate::{second} is neither a module of the crate nor named in {root}"
    elif known.manifests and first not in _BUILT_IN and first not in known.crates and not _is_local(first, specs):
        yield f"{first!r} is neither a crate of {', '.join(known.manifests)} nor a name of this file"


def _in_crate(root: str, name: str, tree: Tree) -> bool:
    text = tree.texts.get(root)
    files = _module_files(folder_of(root), name)
    return (
        text is None
        or any(file in tree.files for file in files)
        or re.search(rf"\b{re.escape(name)}\b", text) is not None
    )


def _crate_root(path: str, tree: Tree) -> str | None:
    candidates = (joined(folder, name) for folder in folders_of(path) for name in _ROOTS)
    return next((path for path in candidates if path in tree.files), None)


def _is_local(first: str, specs: Sequence[str]) -> bool:
    return first[:1].isupper() or any(
        first in _WORD.findall(spec.partition(" ")[2])[0 if "use" not in spec[:3] else 1 :] for spec in specs
    )


def _beginnings(use: str) -> list[tuple[str, str]]:
    """The first two names of each path: a::b and a::c of a::{b, c::d}."""
    plain = re.sub(r"\s+", " ", use.strip()).removeprefix("::")
    head, opened, inner = plain.partition("{")
    names = _WORD.findall(head.split(" as ")[0])
    if len(names) >= 2 or not opened:
        return [(names[0], names[1] if len(names) > 1 else "")] if names else []
    parts = [_WORD.findall(part) for part in _split(inner)]
    if names:
        return [(names[0], part[0]) for part in parts if part and part[0] != "self"]
    return [(part[0], part[1] if len(part) > 1 else "") for part in parts if part]


def _split(inner: str) -> list[str]:
    """At the commas that are in no further braces; each part up to its own brace."""
    parts, depth = [""], 0
    for character in inner:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            break
        if character == "," and depth == 0:
            parts.append("")
        elif depth == 0:
            parts[-1] += character
    return parts


def _crates(text: str) -> Iterator[str]:
    data = read_toml(text)
    yield from cargo_names(data)
    yield from texts([table(data, "package").get("name"), table(data, "lib").get("name")])
