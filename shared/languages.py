"""Pure: the languages that are known, by the names that people and files have for them."""

BY_SUFFIX = {
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
BY_NAME = {
    "dockerfile": "dockerfile", "makefile": "make", "gnumakefile": "make", "rakefile": "ruby", "gemfile": "ruby",
    "cmakelists.txt": "cmake", "go.mod": "go.mod", "build.bazel": "starlark", "jenkinsfile": "groovy",
}  # fmt: skip
TEXT = "text"  # what is in none of them

NAMES = frozenset({*BY_SUFFIX.values(), *BY_NAME.values(), TEXT})
# What people write, where it is neither a language's name here nor the suffix or the name of a file.
_ALIASES = {
    "c++": "cpp", "cplusplus": "cpp", "c#": "csharp", "c-sharp": "csharp", "f#": "fsharp", "golang": "go",
    "python3": "python", "node": "javascript", "nodejs": "javascript", "node.js": "javascript",
    "ecmascript": "javascript", "objective-c": "objc", "objective c": "objc", "objectivec": "objc", "zsh": "shell",
    "pwsh": "powershell", "docker": "dockerfile", "terraform": "hcl", "protobuf": "proto", "restructuredtext": "rst",
    "bazel": "starlark", "gomod": "go.mod", "txt": TEXT, "plaintext": TEXT, "plain text": TEXT,
}  # fmt: skip


def known_language(name: str) -> str | None:
    """The one name that a language has here: "cpp" for "C++", "typescript" for "ts". None when there is no such one."""
    plain = name.strip().lower()
    if plain in NAMES:
        return plain
    return _ALIASES.get(plain) or BY_SUFFIX.get(plain) or BY_NAME.get(plain)
