"""Pure: whether imports of JavaScript and TypeScript resolve: to files, to declared packages, to what Node brings."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.features.codegen.check.tree import Tree, folder_of, resolved
from services.features.codegen.declared import package_json_names, read_json, table, texts

_ENDINGS = (
    "",
    ".ts",
    ".tsx",
    ".d.ts",
    ".js",
    ".jsx",
    ".mjs",
    ".cjs",
    ".mts",
    ".cts",
    ".json",
    ".vue",
    ".svelte",
    ".css",
)
_INDEX = ("/index.ts", "/index.tsx", "/index.d.ts", "/index.js", "/index.jsx", "/index.mjs", "/package.json")
_SOURCE_OF = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
_NODE = frozenset({
    "assert", "async_hooks", "buffer", "child_process", "cluster", "console", "constants", "crypto", "dgram",
    "diagnostics_channel", "dns", "domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net",
    "os", "path", "perf_hooks", "process", "punycode", "querystring", "readline", "repl", "stream", "string_decoder",
    "sys", "timers", "tls", "trace_events", "tty", "url", "util", "v8", "vm", "wasi", "worker_threads", "zlib",
})  # fmt: skip
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_ALIAS = re.compile(r'"([@~#$][^"*\s]{0,60})\*?"\s*+:\s*+\[\s*+"([^"*\s]{0,100})\*?"')
_SPEC = re.compile(r"""(?:from|import|require\()\s{0,3}["']([^"'\n]{1,200})["']""")


@dataclass(frozen=True, slots=True)
class Known:
    """packages: declared in any package.json, and its own name. aliases: beginnings of paths, and what they mean."""

    packages: frozenset[str]
    aliases: tuple[tuple[str, str], ...]
    imported: frozenset[str]
    manifests: tuple[str, ...]


def known_of(tree: Tree, before: dict[str, str]) -> Known:
    manifests = tree.named("package.json")
    packages = {name for path in manifests for name in _packages(tree.texts[path])}
    imported = {
        _package(spec)
        for path, text in before.items()
        if path.endswith(_ENDINGS[1:10])
        for spec in _SPEC.findall(text)
        if not spec.startswith(".")
    }
    return Known(frozenset(packages), tuple(_aliases(tree)), frozenset(imported), tuple(manifests))


def unresolved(path: str, spec: str, tree: Tree, known: Known) -> Iterator[str]:
    plain = re.split(r"[?#]", spec, maxsplit=1)[0] if not spec.startswith("#") else spec
    if plain.startswith("."):
        target = resolved(folder_of(path), plain)
        if target is None or not _is_file(target, tree):
            yield f"{spec!r} is no file of the repository"
        return
    targets = [target + plain.removeprefix(alias) for alias, target in known.aliases if plain.startswith(alias)]
    if targets:
        if not any(_is_file(target, tree) for target in targets):
            yield f"{spec!r} is no file of the repository ({', '.join(targets[:3])})"
    elif not _is_unjudged(plain) and not _is_package(_package(plain), known):
        where = ", ".join(known.manifests) or "no package.json was found"
        yield f"{_package(plain)!r} is neither a declared package ({where}) nor one of Node's own"


def _is_unjudged(spec: str) -> bool:
    """Addresses, and aliases that only a bundler knows."""
    return bool(_SCHEME.match(spec)) or spec.startswith(("/", "@/", "~", "#", "$"))


def _is_package(name: str, known: Known) -> bool:
    typed = "@types/" + name.removeprefix("@").replace("/", "__")
    return name in _NODE or name in known.packages or typed in known.packages or name in known.imported


def _package(spec: str) -> str:
    return "/".join(spec.split("/")[: 2 if spec.startswith("@") else 1])


def _is_file(target: str, tree: Tree) -> bool:
    if any(target + ending in tree.files for ending in (*_ENDINGS, *_INDEX)):
        return True
    stem, dot, ending = target.rpartition(".")
    if any(stem + other in tree.files for other in _SOURCE_OF.get(dot + ending, ())):
        return True
    return not target and any(index[1:] in tree.files for index in _INDEX)


def _packages(text: str) -> Iterator[str]:
    data = read_json(text)
    yield from package_json_names(data)
    yield from table(data, "imports")
    yield from texts([data.get("name")])


def _aliases(tree: Tree) -> Iterator[tuple[str, str]]:
    """Of tsconfig's and jsconfig's paths, read by their looks because these files hold comments."""
    for path in tree.texts:
        name = path.rsplit("/", 1)[-1]
        if name.startswith(("tsconfig", "jsconfig")) and name.endswith(".json"):
            text = tree.texts[path]
            base = re.search(r'"baseUrl"\s*+:\s*+"([^"]{0,100})"', text)
            folder = resolved(folder_of(path), base[1] if base else "")
            for alias, target in _ALIAS.findall(text):
                place = resolved(folder or "", target)
                if place is not None:
                    yield alias, place + ("/" if target.endswith("/") and place else "")
