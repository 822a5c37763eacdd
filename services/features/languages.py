"""Pure: which language a file is in, by its path."""

_BY_SUFFIX = {
    "py": "python", "pyi": "python", "js": "javascript", "mjs": "javascript", "cjs": "javascript",
    "jsx": "javascript", "ts": "typescript", "mts": "typescript", "cts": "typescript", "tsx": "typescript", "go": "go",
    "rs": "rust", "java": "java", "kt": "kotlin", "kts": "kotlin", "scala": "scala", "groovy": "groovy",
    "gradle": "groovy", "clj": "clojure", "cljs": "clojure", "c": "c", "h": "c", "cc": "cpp", "cpp": "cpp",
    "cxx": "cpp", "hpp": "cpp", "hh": "cpp", "cu": "cuda", "cs": "csharp", "fs": "fsharp", "swift": "swift",
    "m": "objc", "rb": "ruby", "rake": "ruby", "php": "php", "pl": "perl", "pm": "perl", "lua": "lua",
    "dart": "dart", "ex": "elixir", "exs": "elixir", "erl": "erlang", "hs": "haskell", "ml": "ocaml", "jl": "julia",
    "r": "r", "zig": "zig", "nim": "nim", "sol": "solidity", "sh": "shell", "bash": "shell", "fish": "fish",
    "ps1": "powershell", "sql": "sql", "html": "html", "htm": "html", "css": "css", "scss": "scss", "vue": "vue",
    "svelte": "svelte", "astro": "astro", "graphql": "graphql", "proto": "proto", "tf": "hcl", "hcl": "hcl",
    "nix": "nix", "cmake": "cmake", "mk": "make", "tex": "latex", "md": "markdown", "mdx": "markdown", "rst": "rst",
    "json": "json", "toml": "toml", "yaml": "yaml", "yml": "yaml", "xml": "xml", "ini": "ini", "cfg": "ini",
}  # fmt: skip
_BY_NAME = {
    "dockerfile": "dockerfile", "makefile": "make", "gnumakefile": "make", "rakefile": "ruby", "gemfile": "ruby",
    "cmakelists.txt": "cmake", "go.mod": "go.mod", "build.bazel": "starlark", "jenkinsfile": "groovy",
}  # fmt: skip
# Languages that a feature is written in; the others describe and configure.
NOT_CODE = frozenset({"markdown", "rst", "json", "toml", "yaml", "xml", "ini", "latex", "go.mod"})


def language_of(path: str) -> str | None:
    """In lower case; None for what is not known."""
    name = path.rsplit("/", 1)[-1].lower()
    if name in _BY_NAME:
        return _BY_NAME[name]
    stem, dot, suffix = name.rpartition(".")
    if "dockerfile" in (stem, name.split(".")[0]):
        return "dockerfile"
    return _BY_SUFFIX.get(suffix) if dot else None


def is_code(path: str) -> bool:
    language = language_of(path)
    return language is not None and language not in NOT_CODE
