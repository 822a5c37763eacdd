"""Pure: how the files of a language are read, and what is looked at in them."""

from pathlib import PurePosixPath

from services.features.languages import language_of

_GRAMMARS = {
    "python", "javascript", "typescript", "go", "rust", "java", "kotlin", "scala", "swift", "c", "cpp", "csharp",
    "ruby", "php", "lua", "dart", "elixir", "haskell", "css", "scss", "hcl",
}  # fmt: skip
EXACT = frozenset({"json", "toml", "yaml"})  # read by the parser that their users have, not by a grammar
WITH_IMPORTS = frozenset({"python", "javascript", "typescript", "go", "rust"})
# Files named .json in which their tools allow comments and closing commas.
_COMMENTED_JSON = ("tsconfig", "jsconfig", "devcontainer", ".eslintrc", ".swcrc", "tslint")


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
