"""Pure: which language a file is in, by its path, and how it is read."""

from pathlib import PurePosixPath

_BY_SUFFIX = {
    "py": "python", "pyi": "python",
    "js": "javascript", "mjs": "javascript", "cjs": "javascript", "jsx": "javascript",
    "ts": "typescript", "mts": "typescript", "cts": "typescript", "tsx": "typescript",
    "go": "go", "rs": "rust", "java": "java", "kt": "kotlin", "kts": "kotlin", "scala": "scala", "swift": "swift",
    "c": "c", "h": "c", "cc": "cpp", "cpp": "cpp", "cxx": "cpp", "hpp": "cpp", "hh": "cpp", "cs": "csharp",
    "rb": "ruby", "php": "php", "lua": "lua", "dart": "dart", "ex": "elixir", "exs": "elixir", "hs": "haskell",
    "r": "r", "pl": "perl", "pm": "perl", "sh": "shell", "bash": "shell", "sql": "sql",
    "html": "html", "htm": "html", "css": "css", "scss": "scss", "vue": "vue", "svelte": "svelte",
    "json": "json", "toml": "toml", "yaml": "yaml", "yml": "yaml", "xml": "xml", "tf": "hcl", "hcl": "hcl",
    "proto": "proto", "graphql": "graphql", "md": "markdown", "mdx": "markdown", "rst": "restructuredtext",
    "txt": "text", "ini": "ini", "cfg": "ini", "csv": "text", "mk": "make",
}  # fmt: skip
_BY_NAME = {"dockerfile": "dockerfile", "makefile": "make", "gemfile": "ruby", "rakefile": "ruby", "go.mod": "go.mod"}
_GRAMMARS = {
    "python", "javascript", "typescript", "go", "rust", "java", "kotlin", "scala", "swift", "c", "cpp", "csharp",
    "ruby", "php", "lua", "dart", "elixir", "haskell", "css", "scss", "hcl",
}  # fmt: skip
EXACT = frozenset({"json", "toml", "yaml"})  # read by the parser that their users have, not by a grammar
WITH_IMPORTS = frozenset({"python", "javascript", "typescript", "go", "rust"})
# Files named .json in which their tools allow comments and closing commas.
_COMMENTED_JSON = ("tsconfig", "jsconfig", "devcontainer", ".eslintrc", ".swcrc", "tslint")


def language_of(path: str) -> str:
    """In lower case; "text" for what is not known."""
    name = path.rsplit("/", 1)[-1].lower()
    if name in _BY_NAME or name.split(".")[0] == "dockerfile":
        return _BY_NAME.get(name, "dockerfile")
    return _BY_SUFFIX.get(name.rsplit(".", 1)[-1], "text") if "." in name else "text"


def reader_of(path: str) -> str | None:
    """What reads the syntax of a file: "json", "toml", "yaml" or a grammar's name; None when nothing does."""
    language = language_of(path)
    if language == "json" and _is_commented(path):
        return None
    if language in EXACT:
        return language
    if path.endswith((".tsx", ".jsx")):
        return "tsx"
    if language == "shell":
        return "bash"
    return language if language in _GRAMMARS else None


def has_tests_beside(path: str) -> bool:
    """Whether a file is code that one would expect a test for."""
    return language_of(path) in _GRAMMARS - {"css", "scss", "hcl"}


def _is_commented(path: str) -> bool:
    pure = PurePosixPath(path)
    return ".vscode" in pure.parts or pure.name.startswith(_COMMENTED_JSON)
